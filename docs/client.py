"""A client for Switchboard on httpx and websockets: the messages of a thread, each once and in order."""
import asyncio, contextlib, json, random, time, uuid
import httpx, websockets

class Thread:
    ping_every, gap_after, patience, backoff = 30, 1, 10, 0.5  # seconds
    def __init__(self, url, socket_url, id, token, seq=0):  # token: a function; seq: the last message that you have
        self.url, self.socket_url, self.id, self.token, self.seq = f"{url}/threads/{id}", socket_url, id, token, seq

    async def send(self, text):  # returns {message, reply, thread}
        return await self.request("POST", "/chat", json={"text": text, "client_id": str(uuid.uuid4())})

    async def request(self, method, path, bearer=None, **body):  # only what may be repeated: it is, until it is known
        async with httpx.AsyncClient(timeout=httpx.Timeout(self.patience, read=120)) as http:
            for attempt in range(10):
                wait, tried, bearer = 0, bearer, {"Authorization": f"Bearer {self.token()}"}
                with contextlib.suppress(httpx.TransportError):
                    response = await http.request(method, self.url + path, headers=bearer, **body)
                    status, wait = response.status_code, int(response.headers.get("retry-after", 0))
                    if status not in (401, 429, 502, 503) or status == 401 and bearer == tried:
                        return response.raise_for_status().json()
                await asyncio.sleep(wait + random.random() * self.backoff * 2 ** min(attempt, 6))
        raise TimeoutError(f"{method} {path}: ten attempts failed")

    async def messages(self, failures=0, refused=False):  # for ever; RuntimeError if it may not
        while True:
            began, bearer = time.monotonic(), {"Authorization": f"Bearer {self.token()}"}
            try:
                async with websockets.connect(self.socket_url, additional_headers=bearer, ping_interval=None) as socket:
                    async for message in self.received(socket): yield message
            except (OSError, asyncio.TimeoutError, websockets.WebSocketException) as error:
                before, refused = refused, getattr(getattr(error, "response", None), "status_code", 0) in (401, 403)
                if before and refused: raise RuntimeError("the token was refused, and a new one too") from error
            failures = 0 if time.monotonic() - began > self.patience else failures + 1
            await asyncio.sleep(random.random() * self.backoff * 2 ** min(failures, 6))

    async def received(self, socket):  # until the socket is closed, or silent when it is asked
        early, action = {}, "subscribe"
        while True:
            if action:
                await socket.send(json.dumps({"action": action, "threads": {self.id: self.seq}}))
                asked, deadline, is_answered = self.seq, time.monotonic() + self.patience, False
            try:
                event = json.loads(await asyncio.wait_for(socket.recv(), deadline - time.monotonic()))
            except asyncio.TimeoutError:
                if not is_answered: raise
                event = {"type": "silence"}
            kind, seq = event.get("type"), event.get("seq")
            action = "ping" if kind == "silence" else "subscribe" if event.get("more") and seq > asked else None
            if kind == "error" and event["code"] not in ("token_expired", "busy", "internal"):
                raise RuntimeError(event["detail"])
            if kind in ("subscribed", "pong"): deadline, is_answered = time.monotonic() + self.ping_every, True
            if kind == "message.created" and seq > self.seq:
                if event.get("truncated"):
                    event["message"] = (await self.request("GET", f"/messages?after={seq - 1}&limit=1"))["data"][0]
                early[seq] = event["message"]
            while self.seq + 1 in early:
                self.seq += 1
                yield early.pop(self.seq)
            if (early or event.get("more")) and is_answered: deadline = min(deadline, time.monotonic() + self.gap_after)
