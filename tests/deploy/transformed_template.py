"""Checks the CloudFormation template that SAM makes of template.yaml.

SAM accepts properties that it does not know and quietly builds something else (a chat route that ends after 29 s, an
open method), and the linters read only the source. So this checks the result:

    python tests/deploy/transformed_template.py template.yaml

prints each fault and exits with 1, or prints a summary. Needs `aws-sam-cli`, nothing else: no network, no account.
"""

import contextlib
import copy
import io
import logging
import os
import pathlib
import re
import sys

os.environ.setdefault("AWS_DEFAULT_REGION", "eu-central-1")

import tomlkit
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

# A function streams on all of its routes, or on none.
STREAMED = [
    ("/threads/{thread_id}/chat", "post"),
    ("/chat", "post"),
    ("/chat/{thread_id}/stream", "get"),
    ("/agui", "post"),
    ("/customers/{customer_id}/export", "get"),
    ("/customers/{customer_id}", "delete"),
    ("/erasures/{erasure_id}", "get"),
    ("/audit", "get"),
    ("/usage", "get"),
]
# The route that gives tokens to visitors, who have none.
OPEN = ("/visitors", "post")
BUFFERED_LIMIT_MS = 29_000
# The first two stream, the third has no caller.
UNBUFFERED = ("ChatFunction", "CustomerFunction", "SweepFunction")


class NoManagedPolicies:
    """An empty list of AWS's managed policies: the transform asks for it, the template names none."""

    def load(self):
        return {}


def read(path):
    with open(path, encoding="utf-8") as file:
        return yaml_parse(file)


def transformed(template, **parameters):
    # `sam deploy` uploads the built code and fills in its location; the transform accepts nothing else.
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://bucket/key"
    logging.disable(logging.CRITICAL)
    with contextlib.redirect_stdout(io.StringIO()):
        return transform(copy.deepcopy(template), parameters, NoManagedPolicies())["Resources"]


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
    for route in STREAMED:
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


def only(resources, kind):
    """The properties of the one resource of this type."""
    (found,) = [resource["Properties"] for resource in resources.values() if resource["Type"] == kind]
    return found


def ref(parameter):
    return {"Ref": parameter}


def when(condition, value, otherwise=None):
    """`!If`; without a third value the property is absent."""
    return {"Fn::If": [condition, value, ref("AWS::NoValue") if otherwise is None else otherwise]}


def guarded_by_parameters(resources):
    """Each guard rail with the value that must have arrived in the resource that SAM makes."""
    rest, sockets = only(resources, "AWS::ApiGateway::Stage"), only(resources, "AWS::ApiGatewayV2::Stage")
    table, pages = only(resources, "AWS::DynamoDB::Table"), only(resources, "AWS::CloudFront::Distribution")
    settings, routes = rest.get("MethodSettings", [{}])[0], sockets.get("DefaultRouteSettings", {})
    return [
        ("the REST API's rate", settings.get("ThrottlingRateLimit"), ref("RestRateLimit")),
        ("the REST API's burst", settings.get("ThrottlingBurstLimit"), ref("RestBurstLimit")),
        ("the REST API's throttled methods", [settings.get("ResourcePath"), settings.get("HttpMethod")], ["/*", "*"]),
        ("the REST API's tracing", rest.get("TracingEnabled"), when("RestIsTraced", True, False)),
        ("the WebSocket API's rate", routes.get("ThrottlingRateLimit"), ref("SocketRateLimit")),
        ("the WebSocket API's burst", routes.get("ThrottlingBurstLimit"), ref("SocketBurstLimit")),
        (
            "chat's concurrency",
            resources["ChatFunction"]["Properties"].get("ReservedConcurrentExecutions"),
            when("ChatIsLimited", ref("ChatConcurrency")),
        ),
        ("the table's protection", table.get("DeletionProtectionEnabled"), ref("TableDeletionProtection")),
        (
            "the table's encryption",
            table.get("SSESpecification"),
            when("KeyIsNamed", {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": ref("EncryptionKeyArn")}),
        ),
        (
            "the topic's encryption",
            only(resources, "AWS::SNS::Topic").get("KmsMasterKeyId"),
            when("KeyIsNamed", ref("EncryptionKeyArn")),
        ),
        (
            "the pages' domain",
            pages["DistributionConfig"].get("Aliases"),
            when("PagesHaveDomain", [ref("PagesDomainName")]),
        ),
    ]


def every_guard_rail_is_there(resources):
    for name, found, expected in guarded_by_parameters(resources):
        if found != expected:
            yield f"{name} should be {expected}: {found}"


def accesses_are_logged_without_tokens(resources):
    stages = [
        ("RestAccessLog", only(resources, "AWS::ApiGateway::Stage").get("AccessLogSetting")),
        ("SocketAccessLog", only(resources, "AWS::ApiGatewayV2::Stage").get("AccessLogSettings")),
    ]
    for log, setting in stages:
        condition, logged, _ = (setting or {}).get("Fn::If", [None, {}, None])
        if condition != "AccessIsLogged" or logged.get("DestinationArn") != {"Fn::GetAtt": [log, "Arn"]}:
            yield f"{log} should be written to by its parameter: {setting}"
        for secret in ("header", "querystring", "authorizer", "$context.path"):
            if secret in logged.get("Format", ""):
                yield f"{log} records {secret}"


def each_domain_leads_to_its_stage(resources):
    rest, sockets = resources.get("RestDomainMapping"), resources.get("SocketDomainMapping")
    for mapping, condition, stage in [
        (rest, "RestHasDomain", "RestApiv1Stage"),
        (sockets, "SocketHasDomain", "SocketApiv1Stage"),
    ]:
        if stage not in resources:
            yield f"SAM names the stage {stage} otherwise"
        if mapping is None or mapping.get("Condition") != condition or mapping["Properties"]["Stage"] != ref(stage):
            yield f"a domain should lead to {stage} if {condition}: {mapping}"
    acl = resources["RestWebAcl"]
    target = acl["Properties"]["ResourceArn"]["Fn::Sub"]
    if acl.get("Condition") != "WebAclIsNamed" or not target.endswith("/restapis/${RestApi}/stages/${RestApiv1Stage}"):
        yield f"the web ACL should guard the REST API's stage: {acl}"


def the_topic_is_made_by_its_parameter(resources):
    """Without it, no function may publish, or knows a topic to publish to."""
    for name, condition in [("QueuedTopic", "QueuedIsTold"), ("QueuedEmailSubscription", "QueuedIsMailed")]:
        if resources[name].get("Condition") != condition:
            yield f"{name} should be made if {condition}: {resources[name]}"
    publishing = {"ChatFunction", "HandoffFunction", "SweepFunction"}
    for name, resource in resources.items():
        properties = resource["Properties"]
        if resource["Type"] == "AWS::Lambda::Function":
            arn = properties["Environment"]["Variables"].get("QUEUED_TOPIC_ARN")
            expected = when("QueuedIsTold", ref("QueuedTopic"), "") if name in publishing else None
            if arn != expected:
                yield f"{name} should be told of the topic {expected}: {arn}"
        if resource["Type"] == "AWS::IAM::Role":
            statements = [s for policy in properties["Policies"] for s in policy["PolicyDocument"]["Statement"]]
            allowed = {"Effect": "Allow", "Action": "sns:Publish", "Resource": ref("QueuedTopic")}
            may, should = when("QueuedIsTold", allowed) in statements, name.removesuffix("Role") in publishing
            if may != should:
                yield f"{name} {'may' if may else 'may not'} publish to the topic"


def refusals_are_problem_json(resources):
    responses = resources["RestApi"]["Properties"]["Body"]["x-amazon-apigateway-gateway-responses"]
    for name, response in responses.items():
        status, headers = response.get("statusCode"), response.get("responseParameters", {})
        body = response.get("responseTemplates", {}).get("application/json", "")
        if headers.get("gatewayresponse.header.Content-Type") != "'application/problem+json'":
            yield f"{name} is not problem+json: {response}"
        if f'"status": {status},' not in body:
            yield f"{name} has the status {status}, its body another: {body}"
    if responses.get("WAF_FILTERED", {}).get("statusCode") != "403":
        yield f"what the firewall refuses should be 403: {responses.get('WAF_FILTERED')}"


def data_outlives_the_stack_but_not_a_failed_creation(resources):
    for name, resource in resources.items():
        if resource["Type"] in ("AWS::DynamoDB::Table", "AWS::S3::Bucket") or name == "JwtSecretStore":
            policies = resource.get("DeletionPolicy"), resource.get("UpdateReplacePolicy")
            if policies != ("RetainExceptOnCreate", "Retain"):
                yield f"{name} is {policies}"


def names_without_a_region_carry_it(resources):
    for name, resource in resources.items():
        if resource["Type"].startswith("AWS::CloudFront::"):
            given = [value for key, value in nested(resource["Properties"]) if key == "Name"]
            if any("${AWS::Region}" not in str(value) for value in given):
                yield f"{name} has the same name in every region: {given}"


def nested(value):
    """Every key and value in a value, at any depth."""
    if isinstance(value, dict):
        for key, member in value.items():
            yield key, member
            yield from nested(member)
    elif isinstance(value, list):
        for member in value:
            yield from nested(member)


def tracing_is_a_parameter(template):
    """`Disabled` is SAM's word for no tracing: neither a mode nor a permission may be left of it."""
    for mode, expected in [("Disabled", None), ("Active", {"Mode": ref("Tracing")})]:
        for name, resource in transformed(template, Tracing=mode).items():
            if resource["Type"] == "AWS::Lambda::Function":
                config = resource["Properties"].get("TracingConfig")
                if config != expected:
                    yield f"{name} with Tracing={mode} should have {expected}: {config}"
            if resource["Type"] == "AWS::IAM::Role":
                traces = any("xray" in arn.lower() for arn in resource["Properties"]["ManagedPolicyArns"])
                if traces != (mode == "Active"):
                    yield f"{name} with Tracing={mode} {'may' if traces else 'may not'} write traces"


def no_secret_is_in_a_functions_configuration(resources):
    """A function's environment names its secrets; their texts would stay those of the last change of the function."""
    for name, resource in resources.items():
        if resource["Type"] == "AWS::Lambda::Function":
            variables = resource["Properties"].get("Environment", {}).get("Variables", {})
            if "{{resolve:" in str(variables) or ref("OpenAiApiKey") in variables.values():
                yield f"{name} is configured with a secret's text: {variables}"


def no_line_is_dropped_by_lambda(resources):
    """Lambda takes a line without a time, as all of these are, for INFO: metrics and errors too."""
    for name, resource in resources.items():
        if resource["Type"] == "AWS::Lambda::Function":
            level = resource["Properties"]["LoggingConfig"]["ApplicationLogLevel"]
            if level != "INFO":
                yield f"{name} would lose its metrics and errors at the level {level}"


def a_guided_deployment_asks_for_one_value_only(template):
    """`sam deploy --guided` takes the default for Enter, but asks for a NoEcho parameter until something is typed."""
    typed = [
        name
        for name, parameter in template["Parameters"].items()
        if "Default" not in parameter or str(parameter.get("NoEcho", False)).lower() == "true"
    ]
    if typed != ["OpenAiApiKey"]:
        yield f"values that have to be typed: {typed}"


def samconfig_sets_parameters_of_the_template(template, path):
    settings = tomlkit.parse(pathlib.Path(path).with_name("samconfig.toml").read_text(encoding="utf-8"))
    for environment in ("default", "prod"):
        deploy = settings[environment]["deploy"]["parameters"]
        for name, value in re.findall(r'(\w+)="([^"]*)"', deploy.get("parameter_overrides", "")):
            parameter = template["Parameters"].get(name)
            if parameter is None:
                yield f"samconfig.toml, {environment}: the template has no parameter {name}"
            elif "AllowedValues" in parameter and value not in map(str, parameter["AllowedValues"]):
                yield f"samconfig.toml, {environment}: {name} may not be {value}"
        if "stage=" not in deploy["tags"]:
            yield f"samconfig.toml, {environment}: no tag says the stage"


def main(path):
    template = read(path)
    resources = transformed(template)
    routes = methods(resources)
    wrong = [
        *the_chat_routes_stream(routes),
        *every_other_route_is_buffered(routes),
        *every_method_but_the_preflight_is_authorised(routes),
        *every_path_has_a_preflight(routes),
        *the_socket_authorizer_has_no_identity_source(resources),
        *buffered_functions_end_with_their_callers(resources),
        *the_sweep_comes_each_minute(resources),
        *every_guard_rail_is_there(resources),
        *accesses_are_logged_without_tokens(resources),
        *each_domain_leads_to_its_stage(resources),
        *the_topic_is_made_by_its_parameter(resources),
        *refusals_are_problem_json(resources),
        *data_outlives_the_stack_but_not_a_failed_creation(resources),
        *names_without_a_region_carry_it(resources),
        *no_secret_is_in_a_functions_configuration(resources),
        *no_line_is_dropped_by_lambda(resources),
        *tracing_is_a_parameter(template),
        *a_guided_deployment_asks_for_one_value_only(template),
        *samconfig_sets_parameters_of_the_template(template, path),
    ]
    for line in wrong:
        print(line, file=sys.stderr)
    if not wrong:
        print(f"{path}: {len(resources)} resources, {len(routes)} methods, the chat routes stream")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "template.yaml"))
