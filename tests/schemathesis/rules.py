"""What a JSON Schema cannot say: a case that is meant to be accepted is made to keep these rules too.

Of two fields one may have to be absent, names have to differ, an id has to exist. Cases that are meant to be refused
are sent as they were drawn.
"""

import json
import os
import random
import urllib.request

import hypothesis
import schemathesis

URL, ROLE = os.environ["URL"], os.environ["ROLE"]
CUSTOMER = "cleo"
MODELS = ["gpt-5-mini", "gpt-5"]
RESERVED = {"title", "switchboard_thread", ""}
# Letters that are shown as nothing.
FILLERS = "\u115f\u1160\u3164\uffa0"
draw, threads, chatbots = random.Random(1), [], []

# Cases that are accepted more often are no aim here: the search for them draws the same ones again and again, and takes
# most of the time.
hypothesis.target = lambda value, label="": value


def create(path, body):
    headers = {"authorization": f"Bearer {os.environ['ADMIN']}", "content-type": "application/json"}
    request = urllib.request.Request(URL + path, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["id"]


def new_chatbot():
    return create("/chatbots", {"name": "Robin", "model": MODELS[0], "public": True})


def new_thread():
    return create("/threads", {"chatbot_id": chatbot(), "customer_id": CUSTOMER})


def chatbot():
    """A chatbot that exists, and that no case deletes."""
    if not chatbots:
        chatbots.append(new_chatbot())
    return chatbots[0]


def thread():
    """A thread that exists, and that no case deletes. Cases end them, so there are ever new ones."""
    if len(threads) < 5 or draw.random() < 0.2:
        threads.append(new_thread())
    return draw.choice(threads[-10:])


def fill(name):
    return f"{name}{draw.randrange(10**9)}"


def named(name):
    kept = "".join(letter for letter in name if letter.isprintable()).strip()
    return kept[:90] + fill("-") if kept else fill("name-")


def keep_chatbot_rules(body):
    for field, model in zip(("model", "fallback_model"), MODELS):
        if body.get(field) is not None:
            body[field] = model
    for field in ("temperature", "version"):
        if body.get(field) is not None:
            body[field] = round(body[field], 3) if field == "temperature" else None
    for tool in body.get("tools") or []:
        tool.update(name=fill("tool_"), parameters={"type": "object"})
    for document in body.get("documents") or []:
        document.update(name=named(document["name"]), text=visible(document["text"][:1000]))
    if body.get("audience"):
        body.pop("public", None)
    if body.get("origins"):
        body["origins"] = ["https://shop.example"]
    if body.get("webhook"):
        body["webhook"] = {"url": "http://127.0.0.1:9/", "secret": "0123456789abcdef0123456789abcdef"}


def visible(text):
    """The text, if a character of it can be seen for sure."""
    return text if any(letter.isalnum() and letter not in FILLERS for letter in text) else fill("text ")


def keep_body_rules(path, body):
    for field in ("text", "note", "name"):
        if isinstance(body.get(field), str):
            body[field] = visible(body[field])[:100 if field == "name" else None]
    if "chatbot_id" in body and body["chatbot_id"] is not None:
        body["chatbot_id"] = chatbot()
    if path.startswith("/chatbots") and not path.endswith("/visitors"):
        keep_chatbot_rules(body)
    if "metadata" in body and body["metadata"]:
        pairs = [(key[:64], value) for key, value in body["metadata"].items() if key[:64] not in RESERVED][:5]
        body["metadata"] = {key: value[:512] if value else value for key, value in pairs}
    if path == "/threads":
        body["customer_id"] = CUSTOMER
        if ROLE == "customer":
            del body["customer_id"]
    if path.endswith("/chat") and body.get("internal"):
        body.pop("chatbot_id", None)
        if ROLE == "customer":
            del body["internal"]
    if path == "/visitors":
        body["tenant"] = "acme"
    if path == "/agui":
        body["threadId"] = thread()
        body["messages"].append({"id": fill("message-"), "role": "user", "content": fill("text ")})
    if path == "/chat":
        body["id"] = thread()
        parts = [{"type": "text", "text": fill("text ")}]
        body["messages"].append({"id": fill("message-"), "role": "user", "parts": parts})


@schemathesis.hook
def before_call(context, case, kwargs):
    """Lets most cases name what exists, and those that should be accepted keep the rules above."""
    path = case.operation.path
    # Schemathesis remembers ids that it has seen: those of all other cases would be deleted too.
    is_deletion = case.operation.method.upper() == "DELETE"
    if "thread_id" in case.path_parameters and (is_deletion or draw.random() < 0.8):
        case.path_parameters["thread_id"] = new_thread() if is_deletion else thread()
    if "chatbot_id" in case.path_parameters and (is_deletion or draw.random() < 0.8):
        case.path_parameters["chatbot_id"] = new_chatbot() if is_deletion else chatbot()
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    for name in [name for name in case.headers or {} if name.lower() == "idempotency-key"]:
        case.headers[name] = fill("key-")
    if case.query:
        # Only the server makes cursors, and there is at most one place to read from.
        case.query.pop("cursor", None)
        if "wait" in case.query:
            case.query.update(wait=1, after=case.query.get("after", 0))
        if "after" in case.query:
            case.query.pop("before", None)
        if ROLE == "customer" and "customer_id" in case.query:
            case.query["customer_id"] = CUSTOMER
    if isinstance(case.body, dict):
        keep_body_rules(path, case.body)
