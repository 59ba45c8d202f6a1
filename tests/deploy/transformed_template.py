"""Checks the CloudFormation template that SAM makes of template.yaml.

SAM accepts properties that it does not know and quietly builds something else (a chat route that ends after 29 s, an
open method), and the linters read only the source. So this checks the result:

    python tests/deploy/transformed_template.py template.yaml

prints each fault and exits with 1, or prints a summary. Needs `aws-sam-cli`, nothing else: no network, no account.
"""

import contextlib
import io
import logging
import os
import sys

os.environ.setdefault("AWS_DEFAULT_REGION", "eu-central-1")

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

TURNS = [("/threads/{thread_id}/chat", "post"), ("/chat", "post")]
# A function streams on all of its routes, or on none; this route's responses have no body.
STREAMED = [*TURNS, ("/chat/{thread_id}/stream", "get")]
# The route that gives tokens to visitors, who have none.
OPEN = ("/visitors", "post")
BUFFERED_LIMIT_MS = 29_000
# The first streams, the second has no caller.
UNBUFFERED = ("ChatFunction", "SweepFunction")


class NoManagedPolicies:
    """An empty list of AWS's managed policies: the transform asks for it, the template names none."""

    def load(self):
        return {}


def transformed(path):
    with open(path, encoding="utf-8") as file:
        template = yaml_parse(file)
    # `sam deploy` uploads the built code and fills in its location; the transform accepts nothing else.
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://bucket/key"
    logging.disable(logging.CRITICAL)
    with contextlib.redirect_stdout(io.StringIO()):
        return transform(template, {}, NoManagedPolicies())["Resources"]


def methods(resources):
    paths = resources["RestApi"]["Properties"]["Body"]["paths"]
    return {(path, verb): method for path, verbs in paths.items() for verb, method in verbs.items()}


def the_chat_routes_stream(methods):
    for route in STREAMED:
        integration = methods[route]["x-amazon-apigateway-integration"]
        if integration.get("responseTransferMode") != "STREAM":
            yield f"{route} is buffered: {integration}"
        if not integration["uri"]["Fn::Sub"].endswith("/response-streaming-invocations"):
            yield f"{route} invokes its function without streaming: {integration['uri']}"
    for route in TURNS:
        limit = methods[route]["x-amazon-apigateway-integration"].get("timeoutInMillis", BUFFERED_LIMIT_MS)
        if limit <= BUFFERED_LIMIT_MS:
            yield f"{route} ends after {limit} ms"


def every_other_route_is_buffered(methods):
    for route, method in methods.items():
        if route not in STREAMED and "responseTransferMode" in method["x-amazon-apigateway-integration"]:
            yield f"{route} streams, and its function does not"


def every_method_but_the_preflight_is_authorised(methods):
    for (path, verb), method in methods.items():
        # NONE is SAM's name for an open method.
        guarded = any("NONE" not in scheme for scheme in method.get("security", []))
        if guarded == (verb == "options" or (path, verb) == OPEN):
            yield f"{verb.upper()} {path} {'requires' if guarded else 'does not require'} a token"


def every_path_has_a_preflight(methods):
    for path in {path for path, _ in methods}:
        if (path, "options") not in methods:
            yield f"{path} has no OPTIONS method for a preflight"


def the_socket_authorizer_has_no_identity_source(resources):
    authorizers = [r["Properties"] for r in resources.values() if r["Type"] == "AWS::ApiGatewayV2::Authorizer"]
    connect = [
        r["Properties"]
        for r in resources.values()
        if r["Type"] == "AWS::ApiGatewayV2::Route" and r["Properties"]["RouteKey"] == "$connect"
    ]
    if len(authorizers) != 1 or authorizers[0].get("IdentitySource"):
        yield f"the WebSocket API needs one authorizer without an identity source: {authorizers}"
    if len(connect) != 1 or connect[0].get("AuthorizationType") != "CUSTOM":
        yield f"$connect is open: {connect}"


def buffered_functions_end_with_their_callers(resources):
    for name, resource in resources.items():
        if resource["Type"] == "AWS::Lambda::Function" and name not in UNBUFFERED:
            if resource["Properties"]["Timeout"] * 1000 > BUFFERED_LIMIT_MS:
                yield f"{name} may run for longer than API Gateway waits"


def the_sweep_comes_each_minute(resources):
    rules = [r["Properties"] for r in resources.values() if r["Type"] == "AWS::Events::Rule"]
    if [rule.get("ScheduleExpression") for rule in rules] != ["rate(1 minute)"]:
        yield f"there must be one schedule, rate(1 minute): {rules}"


def main(path):
    resources = transformed(path)
    routes = methods(resources)
    wrong = [
        *the_chat_routes_stream(routes),
        *every_other_route_is_buffered(routes),
        *every_method_but_the_preflight_is_authorised(routes),
        *every_path_has_a_preflight(routes),
        *the_socket_authorizer_has_no_identity_source(resources),
        *buffered_functions_end_with_their_callers(resources),
        *the_sweep_comes_each_minute(resources),
    ]
    for line in wrong:
        print(line, file=sys.stderr)
    if not wrong:
        print(f"{path}: {len(resources)} resources, {len(routes)} methods, the chat routes stream")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "template.yaml"))
