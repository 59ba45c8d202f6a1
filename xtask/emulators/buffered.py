#!/usr/bin/env python3
"""Runs a function that streams its responses where they can only be buffered: the emulator knows no streams.

Stands between the emulator's Runtime API and the function `streaming` beside this file. The prelude and the body that
the function posts become the proxy response that a function without streams would post.
"""

import base64
import json
import os
import subprocess
import sys
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

RUNTIME_API = os.environ["AWS_LAMBDA_RUNTIME_API"]
STREAMED = "application/vnd.awslambda.http-integration-response"


def proxy_response(posted: bytes) -> bytes:
    prelude, body = posted.split(b"\0" * 8, 1)
    response = json.loads(prelude)
    try:
        response["body"] = body.decode()
    except UnicodeDecodeError:
        response["body"], response["isBase64Encoded"] = base64.b64encode(body).decode(), True
    return json.dumps(response).encode()


class Between(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.forward(None)

    def do_POST(self) -> None:
        posted = self.posted()
        streamed = self.headers.get("content-type") == STREAMED
        self.forward(proxy_response(posted) if streamed else posted)

    def posted(self) -> bytes:
        if self.headers.get("transfer-encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("content-length", 0)))
        posted = b""
        while size := int(self.rfile.readline(), 16):
            posted += self.rfile.read(size)
            self.rfile.readline()
        # Trailers, which tell of a failure after the first byte.
        while self.rfile.readline().strip():
            pass
        return posted

    def forward(self, body: bytes | None) -> None:
        connection = HTTPConnection(RUNTIME_API)
        kept = ("content-type", "lambda-runtime-function-error-type")
        headers = {name: value for name, value in self.headers.items() if name.lower() in kept}
        if headers.get("content-type") == STREAMED:
            headers["content-type"] = "application/json"
        connection.request(self.command, self.path, body, headers)
        response = connection.getresponse()
        content = response.read()
        self.send_response(response.status)
        for name, value in response.getheaders():
            if name.lower().startswith(("lambda-", "content-type")):
                self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Between)
environment = {**os.environ, "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{server.server_port}"}
function = subprocess.Popen([Path(__file__).with_name("streaming")], env=environment)
import threading

threading.Thread(target=server.serve_forever, daemon=True).start()
sys.exit(function.wait())
