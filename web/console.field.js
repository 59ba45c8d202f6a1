/** Form fields with a label, a hint and a place for a problem; the fields of a chatbot. */

import { el } from "./console.element.js";

export class Field {
  constructor(name, label, input, hint) {
    this.name = name;
    this.input = input;
    this.problem = el("p.problem", { id: `${name}-problem` });
    const id = `field-${name}`;
    input.id = id;
    input.setAttribute("aria-describedby", `${name}-problem${hint ? ` ${name}-hint` : ""}`);
    input.addEventListener("input", () => this.showProblem(""));
    this.node = el(
      "div.field-row",
      el("label", { for: id }, label),
      input,
      hint && el("p.muted", { id: `${name}-hint` }, hint),
      this.problem,
    );
  }

  get value() {
    return this.input.type === "checkbox" ? this.input.checked : this.input.value;
  }

  set value(value) {
    if (this.input.type === "checkbox") this.input.checked = value;
    else this.input.value = value ?? "";
  }

  showProblem(text) {
    this.problem.textContent = text;
    this.input.ariaInvalid = text ? "true" : null;
  }
}

/** The error of a value that is wrong before it is sent, in the form of the server's. */
export class FieldError extends Error {
  constructor(field, detail) {
    super(detail);
    Object.assign(this, { field, detail });
  }
}

export const textArea = (rows, props) => el("textarea", { rows, dir: "auto", ...props });

/** The placeholder of a field that may be empty. */
const DEFAULT = "the model’s default";
const CODE = { spellcheck: "false", dir: "ltr" };

/** A chatbot's fields, by the names that they have in the API. */
export function chatbotFields() {
  const fields = [...profileFields(), ...modelFields(), ...toolFields(), ...accessFields()];
  return Object.fromEntries(fields.map((field) => [field.name, field]));
}

function profileFields() {
  const instructions = "The chatbot’s role, what it may promise, and when it should hand over to a person.";
  return [
    new Field("name", "Name", input({ required: true, maxlength: "100", dir: "auto" }), "The name that customers see."),
    new Field("greeting", "Greeting", textArea(2), "The first message of each conversation. Leave it empty for none."),
    new Field("instructions", "Instructions", textArea(8), instructions),
  ];
}

function modelFields() {
  const memories = {
    conversation: "Stored in a conversation at OpenAI",
    local: "Not stored at OpenAI: each request carries the recent log",
  };
  const model = input({ ...CODE, required: true, autocomplete: "off" });
  const temperature = numberInput({ min: "0", max: "2", step: "any" });
  const fallback = input({ ...CODE, autocomplete: "off", placeholder: "none" });
  const effort = input({ ...CODE, autocomplete: "off", placeholder: DEFAULT });
  const verbosity = input({ ...CODE, autocomplete: "off", placeholder: DEFAULT });
  return [
    new Field("model", "Model", model, "The server’s name for the model, for example gpt-5-mini."),
    new Field("fallback_model", "Fallback model", fallback, "It answers once the server no longer has the model."),
    new Field("temperature", "Temperature", temperature, "0 to 2."),
    new Field("max_output_tokens", "Maximum output tokens", numberInput({ min: "16", step: "1" })),
    new Field("reasoning_effort", "Reasoning effort", effort, "In the model’s own words, for example low."),
    new Field("verbosity", "Verbosity", verbosity, "The length of its answers: low, medium or high."),
    new Field("memory", "Memory", select(memories)),
  ];
}

function toolFields() {
  const tools = "A JSON array of {name, description, parameters}: functions that the model calls through the webhook.";
  const webhook = "Receives the model’s function calls and each change of who holds the line.";
  const secret = "16 to 128 characters. It is never shown again; leave it empty to keep the current one.";
  const url = input({ ...CODE, type: "url", placeholder: "https://…" });
  return [
    new Field("tools", "Tools, as JSON", textArea(6, { ...CODE, class: "code" }), tools),
    new Field("webhook.url", "Webhook", url, webhook),
    new Field("webhook.secret", "Webhook secret", input({ type: "password", autocomplete: "new-password" }), secret),
  ];
}

function accessFields() {
  const audiences = {
    public: "Anyone, without signing in",
    customers: "Customers who are signed in",
    staff: "Agents and admins, who try it",
  };
  const origins = textArea(2, { ...CODE, placeholder: "https://shop.example" });
  return [
    new Field("audience", "Who can talk to it", select(audiences)),
    new Field("origins", "Sites that may embed it, one per line", origins, "Leave it empty to allow any site."),
  ];
}

/** A choice among values, with their labels. */
function select(labels) {
  return el("select", Object.entries(labels).map(([value, label]) => el("option", { value }, label)));
}

const input = (props) => el("input", props);

function numberInput(props) {
  return input({ type: "number", inputmode: "decimal", placeholder: DEFAULT, ...props });
}
