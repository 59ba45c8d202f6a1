// Tests of AG-UI's own client, and of CopilotKit's client of AG-UI, against a running Switchboard.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { createRequire } from "node:module";
import { describe, test } from "node:test";

import { agent as ana, call, CITED, customer, log, model, newThread, STANDIN, tools, url } from "./world.mjs";

// CopilotKit counts its users unless it is told not to.
process.env.COPILOTKIT_TELEMETRY_DISABLED = "true";
const { EventSchema } = tools("@ag-ui/core/schemas");
const { CopilotKitCore } = tools("@copilotkit/core");
// CopilotKit brings another version of the client than the newest.
const copilotTools = createRequire(tools.resolve("@copilotkit/core"));
const clients = { "AG-UI's client": tools, "CopilotKit's version of it": copilotTools };

const needsCited = { skip: CITED ? false : "CITED names no thread" };
const needsStandin = { skip: STANDIN ? false : "STANDIN names no model to delay" };

/** What a user says. */
const said = (content, id = randomUUID()) => ({ id, role: "user", content });

/** An agent of this class on a thread. `wire` collects the events as they came, each valid by the protocol's schema. */
function agentOn(HttpAgent, threadId, wire = []) {
  const record = async (...request) => {
    const response = await fetch(...request);
    const [kept, passed] = response.body.tee();
    wire.push(new Response(kept).text().then(valid));
    return new Response(passed, response);
  };
  return new HttpAgent({
    url: `${url}/agui`, threadId, headers: { Authorization: `Bearer ${customer}` }, fetch: record,
  });
}

/** The events of a response's text. */
function valid(text) {
  const data = text.split("\n\n").filter((line) => line.startsWith("data: "));
  const events = data.map((line) => JSON.parse(line.slice(6)));
  for (const event of events) {
    const checked = EventSchema.safeParse(event);
    assert.ok(checked.success, `${JSON.stringify(event)}: ${checked.error}`);
    // The schemas let other fields pass; ours have none.
    assert.deepEqual(checked.data, event);
  }
  return events;
}

const types = (events) => events.map(({ type }) => type).filter((type, at, all) => type !== all[at - 1]);

for (const [name, require] of Object.entries(clients)) {
  describe(name, () => {
    const { HttpAgent } = require("@ag-ui/client");

    test("an answer is streamed, and is the log's", async () => {
      const thread = await newThread();
      const wire = [];
      const agent = agentOn(HttpAgent, thread, wire);
      agent.addMessage(said("Hello", "first"));
      const { newMessages } = await agent.runAgent();
      const [asked, reply] = await log(thread);
      assert.equal(asked.client_id, "first");
      assert.deepEqual(newMessages.map(({ role, content }) => [role, content]), [["assistant", reply.text]]);
      assert.deepEqual(types(await wire[0]), [
        "RUN_STARTED", "TEXT_MESSAGE_START", "TEXT_MESSAGE_CONTENT", "TEXT_MESSAGE_END", "RUN_FINISHED",
      ]);
      // The next run carries all messages so far, as the client does.
      agent.addMessage(said([{ type: "text", text: "And now?" }]));
      const next = await agent.runAgent();
      assert.match(next.newMessages[0].content, /And now\?/);
    });

    test("after a claim the run is interrupted, and goes on once it is resumed", async () => {
      const thread = await newThread();
      await call(ana, "POST", `/threads/${thread}/claim`);
      const wire = [];
      const agent = agentOn(HttpAgent, thread, wire);
      agent.addMessage(said("Anybody?"));
      const seen = {};
      await agent.runAgent({}, {
        onRunFinishedEvent: ({ event }) => void (seen.outcome = event.outcome),
        onCustomEvent: ({ event }) => void (seen[event.name] = event.value),
      });
      const [interrupt] = seen.outcome.interrupts;
      assert.deepEqual([seen.outcome.type, interrupt.reason, seen.thread.status], [
        "interrupt", "human_has_the_line", "agent",
      ]);
      await call(ana, "POST", `/threads/${thread}/release`, { to: "bot" });
      agent.addMessage(said("Are you back?"));
      const resume = [{ interruptId: interrupt.id, status: "resolved" }];
      const { newMessages } = await agent.runAgent({ resume });
      assert.match(newMessages[0].content, /Are you back\?/);
      await Promise.all(wire);
    });

    test("an answer that loses the line is a message that is void", needsStandin, async () => {
      const thread = await newThread();
      const held = await model.stops(2);
      const agent = agentOn(HttpAgent, thread);
      agent.addMessage(said("Hello"));
      const heard = {};
      const running = agent.runAgent({}, { onCustomEvent: ({ event }) => void (heard[event.name] = event.value) });
      await held.begun();
      await call(ana, "POST", `/threads/${thread}/claim`);
      await held.goesOn();
      const { newMessages } = await running;
      assert.deepEqual(heard.discarded, { messageId: newMessages[0].id, reason: "the line changed hands" });
      assert.equal(heard.thread.agent.id, "ana");
    });

    test("documents come beside a message", needsCited, async () => {
      const wire = [];
      const agent = agentOn(HttpAgent, CITED, wire);
      agent.addMessage(said("What does an anvil cost, and when are you open?", "asked"));
      const { newMessages } = await agent.runAgent();
      const sources = (await wire[0]).find(({ name }) => name === "sources").value;
      assert.deepEqual(sources, {
        messageId: newMessages[0].id, sources: [{ document: "prices.md" }, { document: "hours.md" }],
      });
    });

    test("a refusal is an error that says why", async () => {
      const agent = agentOn(HttpAgent, "thr_01JD0000000000000000000000");
      agent.addMessage(said("Hello?"));
      await assert.rejects(agent.runAgent(), /404|not_found/);
    });
  });
}

describe("CopilotKit", () => {
  const { HttpAgent } = copilotTools("@ag-ui/client");

  test("its core runs an agent: an answer, and after a claim an interrupt", async () => {
    const thread = await newThread();
    const core = new CopilotKitCore({ agents__unsafe_dev_only: { switchboard: agentOn(HttpAgent, thread) } });
    const agent = core.getAgent("switchboard");
    agent.addMessage(said("Hello"));
    const { newMessages } = await core.runAgent({ agent });
    assert.equal(newMessages[0].content, (await log(thread))[1].text);
    await call(ana, "POST", `/threads/${thread}/claim`);
    agent.addMessage(said("Anybody?"));
    let outcome;
    const { unsubscribe } = agent.subscribe({ onRunFinishedEvent: ({ event }) => void (outcome = event.outcome) });
    const interrupted = await core.runAgent({ agent });
    unsubscribe();
    assert.deepEqual(interrupted.newMessages, []);
    assert.deepEqual([outcome.type, outcome.interrupts[0].reason], ["interrupt", "human_has_the_line"]);
  });
});
