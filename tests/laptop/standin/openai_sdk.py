"""Calls a server with OpenAI's wire format through OpenAI's own Python SDK.

Usage: python openai_sdk.py http://127.0.0.1:PORT/v1

Creates a conversation, streams a response on it, lists its items, deletes them, the response and the conversation.
Prints each step; the exit code is not 0 if anything differs from what the SDK's types promise.
"""

import sys

from openai import BadRequestError, NotFoundError, OpenAI

ESCALATE = {
    "type": "function",
    "name": "escalate_to_human",
    "description": "Hand the conversation to a person.",
    "strict": True,
    "parameters": {
        "type": "object",
        "properties": {"reason": {"type": "string"}},
        "required": ["reason"],
        "additionalProperties": False,
    },
}


def main(base_url: str) -> None:
    client = OpenAI(base_url=base_url, api_key="any", max_retries=0)
    model = client.models.list().data[0].id
    print(f"model: {model}")

    conversation = client.conversations.create(metadata={"topic": "sdk"})
    assert conversation.id.startswith("conv_"), conversation
    print(f"created {conversation.id}")

    response = stream(client, model, conversation.id)

    items = list(client.conversations.items.list(conversation.id, order="asc", limit=1))
    assert [item.role for item in items] == ["user", "assistant"], items
    assert items[1].content[0].text == response.output_text
    print(f"listed {len(items)} items, one a page")

    escalation(client, model)
    refusals(client)

    for item in items:
        left = client.conversations.items.delete(item.id, conversation_id=conversation.id)
        assert left.id == conversation.id, left
    assert not list(client.conversations.items.list(conversation.id))
    client.responses.delete(response.id)
    assert client.conversations.delete(conversation.id).deleted
    print("deleted the items, the response and the conversation")

    try:
        client.conversations.retrieve(conversation.id)
    except NotFoundError:
        print("the conversation is gone")
    else:
        raise AssertionError("a deleted conversation was found")


def stream(client: OpenAI, model: str, conversation: str):
    """Requests a streamed response on the conversation, and reads it to its end."""
    heard = ""
    with client.responses.stream(model=model, conversation=conversation, input="hello from the SDK") as events:
        for number, event in enumerate(events):
            if number == 0:
                assert event.type == "response.created", event
            if event.type == "response.output_text.delta":
                heard += event.delta
        response = events.get_final_response()
    assert response.status == "completed", response
    assert response.output_text == heard, response
    assert "hello from the SDK" in heard, heard
    assert response.usage.total_tokens > 0
    print(f"streamed: {heard}")
    return response


def escalation(client: OpenAI, model: str) -> None:
    """Asks for a person, which makes the model call the tool, and sends the tool's output."""
    ask = {"role": "user", "content": "a person, please"}
    asked = client.responses.create(model=model, input=[ask], tools=[ESCALATE], store=False)
    call = asked.output[0]
    assert (call.type, call.name) == ("function_call", "escalate_to_human"), call
    closed = {"type": "function_call_output", "call_id": call.call_id, "output": "queued"}
    repeated = {"type": "function_call", "call_id": call.call_id, "name": call.name, "arguments": call.arguments}
    answered = client.responses.create(model=model, input=[ask, repeated, closed], store=False)
    assert "queued" in answered.output_text, answered
    print(f"called {call.name}({call.arguments})")


def refusals(client: OpenAI) -> None:
    """Checks that errors arrive as the SDK's own exceptions, with their codes."""
    try:
        client.models.retrieve("no-such-model")
    except NotFoundError as error:
        assert error.code == "model_not_found", error
    else:
        raise AssertionError("an unknown model was found")
    try:
        client.responses.create(model="no-such-model", input="hello")
    except BadRequestError as error:
        assert (error.code, error.param) == ("model_not_found", "model"), error
    else:
        raise AssertionError("an unknown model answered")
    print("refused as OpenAI refuses")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
