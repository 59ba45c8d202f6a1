// The reference at /docs: openapi.json and asyncapi.json as a page, with requests that can be sent.

const $ = (id) => document.getElementById(id);
const last = (ref) => ref.split("/").at(-1);

/** An element with attributes and children. */
function el(tag, attributes = {}, ...children) {
  const element = Object.assign(document.createElement(tag), attributes);
  element.append(...children.flat().filter((child) => child != null));
  return element;
}

/** Text in which `words` in backticks are code. */
const prose = (text = "") => text.split("`").map((part, at) => (at % 2 ? el("code", {}, part) : part));

/** The name of a type, with links to the shapes that it names. */
function type(schema = {}) {
  if (schema.$ref) return [el("a", { href: `#${last(schema.$ref)}` }, last(schema.$ref))];
  const either = schema.anyOf ?? schema.oneOf ?? (schema.allOf?.length > 1 ? schema.allOf : undefined);
  if (either) return either.flatMap((one, at) => [at ? " or " : "", ...type(one)]);
  if (schema.allOf) return type(schema.allOf[0]);
  if (schema.const !== undefined) return [JSON.stringify(schema.const)];
  if (schema.enum) return [schema.enum.map((word) => JSON.stringify(word)).join(", ")];
  if (schema.items) return ["list of ", ...type(schema.items)];
  if (schema.additionalProperties?.type) return ["object of ", ...type(schema.additionalProperties)];
  const limits = [];
  const from = schema.minLength ?? schema.minimum;
  const to = schema.maxLength ?? schema.maximum;
  if (from !== undefined || to !== undefined) limits.push(`${from ?? ""}…${to ?? ""}`);
  if (schema.format === "date-time") limits.push("RFC 3339");
  return [[schema.type ?? "any"].flat().join(" or "), limits.length ? ` (${limits.join(", ")})` : ""];
}

/** Rows of fields. */
function fields(schema, required = schema.required ?? []) {
  const rows = Object.entries(schema.properties ?? {}).map(([name, field]) => {
    const notes = [field.description, field.default !== undefined && `Default: \`${JSON.stringify(field.default)}\`.`];
    const optional = required.includes(name) ? "" : el("span", { className: "muted" }, " optional");
    return el("tr", {}, el("td", {}, el("code", {}, name), optional),
      el("td", {}, el("div", { className: "muted" }, type(field)), prose(notes.filter(Boolean).join(" "))));
  });
  return rows.length ? el("table", {}, rows) : el("p", { className: "muted" }, "No fields.");
}

/** A schema as a section: its fields, or each of its alternatives. */
function shape(name, schema) {
  const kinds = schema.oneOf?.every((one) => one.properties) ? schema.oneOf : undefined;
  const body = schema.properties ? fields(schema) : kinds ? kinds.map((one) => fields(one)) : el("p", {}, type(schema));
  return el("section", { id: name }, el("h3", {}, name), el("p", {}, prose(schema.description)), body);
}

const example = (content) => content && JSON.stringify(content.example, null, 2);

/** Names and values of the inputs that are not empty. */
const given = (inputs) => inputs.filter(({ value }) => value).map(({ name, value }) => [name, value]);

/** A form that shows an operation's request as a `curl` line, and sends it. */
function request(method, path, it) {
  const body = it.requestBody?.content["application/json"];
  const parameters = it.parameters ?? [];
  const inputsOf = (place) => parameters.filter((one) => one.in === place).map(({ name, example = "" }) =>
    el("input", { name, placeholder: example }));
  const [ids, queries, keys] = ["path", "query", "header"].map(inputsOf);
  const inputs = [...ids, ...queries, ...keys];
  const text = body && el("textarea", { rows: example(body).split("\n").length, value: example(body) });
  const [line, shown] = [el("pre"), el("pre", { hidden: true })];
  shown.setAttribute("role", "status");

  const address = () => {
    const filled = ids.reduce((so, input) => so.replace(`{${input.name}}`, input.value || input.placeholder), path);
    const query = `${new URLSearchParams(given(queries))}`;
    return $("url").value + filled + (query && `?${query}`);
  };
  const quoted = (word) => `'${word.replaceAll("'", "'\\''")}'`;
  const refresh = () => {
    const parts = [`curl -X ${method} ${quoted(address())}`];
    if (it["x-roles"]) parts.push(`-H ${quoted(`Authorization: Bearer ${$("token").value || "$TOKEN"}`)}`);
    for (const [name, value] of given(keys)) parts.push(`-H ${quoted(`${name}: ${value}`)}`);
    if (text) parts.push(`-d ${quoted(text.value)}`);
    // A variable is not replaced within single quotes.
    line.textContent = parts.join(" \\\n  ").replace(/'(Authorization: Bearer \$TOKEN)'/, '"$1"');
  };
  const send = async () => {
    shown.hidden = false;
    shown.textContent = "…";
    const headers = new Headers(given(keys));
    if ($("token").value) headers.set("Authorization", `Bearer ${$("token").value}`);
    try {
      const answer = await fetch(address(), { method, headers, body: text?.value });
      const said = await answer.text();
      const isJson = answer.headers.get("content-type")?.includes("json");
      shown.textContent = `${answer.status}\n${isJson ? JSON.stringify(JSON.parse(said), null, 2) : said}`;
    } catch (error) {
      shown.textContent = `No answer from ${address()}: ${error.message}`;
    }
  };
  const copy = async ({ target }) => {
    await navigator.clipboard.writeText(line.textContent);
    target.textContent = "Copied";
  };
  const form = el("details", { ontoggle: refresh, oninput: refresh }, el("summary", {}, "Try it"),
    inputs.map((input) => el("label", {}, input.name, input)), text && el("label", {}, "Body", text), line,
    el("button", { type: "button", onclick: copy }, "Copy"),
    el("button", { type: "button", onclick: send }, "Send"), shown);
  $("access").addEventListener("input", refresh);
  return form;
}

/** An operation: its text, parameters, body and answers, and a request to copy or send. */
function operation(method, path, it, shapes) {
  const body = it.requestBody?.content["application/json"];
  const parameters = it.parameters ?? [];
  const [problems, others] = [[], []];
  for (const answer of Object.entries(it.responses)) (answer[1].$ref ? problems : others).push(answer);
  const answers = others.map(([status, { description, content }]) => {
    const [json, stream] = [content?.["application/json"], content?.["text/event-stream"]];
    const shown = (name, text) => el("details", {}, el("summary", {}, name), el("pre", {}, text));
    return el("tr", {}, el("td", {}, status), el("td", {}, prose(description), " ", json && type(json.schema),
      json && shown("Example", example(json)), stream && shown("As a stream", stream.example)));
  });
  const errors = problems.flatMap(([status, { $ref }], at) =>
    [at ? ", " : "", el("a", { href: `#error-${last($ref)}` }, `${status} ${last($ref)}`)]);
  const listed = Object.fromEntries(parameters.map((parameter) =>
    [parameter.name, { ...parameter.schema, description: parameter.description }]));
  const required = parameters.filter((parameter) => parameter.required).map((parameter) => parameter.name);
  return el("section", { id: it.operationId }, el("h3", {}, it.summary),
    el("p", {}, el("code", {}, el("span", { className: "verb" }, method), ` ${path}`)),
    el("p", { className: "muted" }, it["x-roles"] ? `May: ${it["x-roles"].join(", ")}.` : "No token needed."),
    el("p", {}, prose(it.description)),
    parameters.length ? [el("h4", {}, "Parameters"), fields({ properties: listed }, required)] : null,
    body && [el("h4", {}, it.requestBody.required ? "Body" : "Body, optional"), fields(shapes[last(body.schema.$ref)])],
    el("h4", {}, "Answers"), el("table", {}, answers),
    el("p", { className: "muted" }, "Errors: ", errors, "."), request(method, path, it));
}

/** A heading with its sections, and the same in the contents. */
function chapter(name, sections) {
  $("contents").append(el("b", {}, name), ...sections.map((section) =>
    el("a", { href: `#${section.id}` }, section.querySelector("h3").textContent)));
  $("reference").append(el("h2", {}, name), ...sections);
}

/** A sentence on the bearer of a token. */
function who(token) {
  try {
    const padded = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    const { role, sub, tenant } = JSON.parse(atob(padded));
    return `You are the ${role} ${sub} of ${tenant}.`;
  } catch {
    return token ? "This is not a token." : "Without a token, requests are answered by 401.";
  }
}

async function show() {
  const read = async (name) => (await fetch(name)).json();
  const [api, wires] = await Promise.all([read("openapi.json"), read("asyncapi.json")]);
  const config = await read("config.json").catch(() => ({}));
  $("url").value = config.url ?? location.origin;
  $("access").addEventListener("input", () => ($("who").textContent = who($("token").value)));
  $("intro").replaceChildren(...prose(`${api.info.summary} ${api.info.description}`));
  $("reference").replaceChildren();

  const order = ["post", "get", "patch", "delete"];
  const operations = Object.entries(api.paths).flatMap(([path, methods]) =>
    order.filter((method) => methods[method]).map((method) => [method.toUpperCase(), path, methods[method]]));
  for (const { name } of api.tags) {
    const tagged = operations.filter(([, , it]) => it.tags[0] === name);
    chapter(name, tagged.map((each) => operation(...each, api.components.schemas)));
  }
  const messages = Object.entries(wires.components.messages);
  const message = ([key, it]) => el("section", { id: `wire-${key}` }, el("h3", {}, it.name),
    el("p", {}, prose(it.summary)),
    fields(it.payload.$ref ? wires.components.schemas[last(it.payload.$ref)] : it.payload));
  chapter("Events", messages.filter(([key]) => !key.endsWith(".frame")).map(message));
  chapter("Frames of a socket", messages.filter(([key]) => key.endsWith(".frame")).map(message));
  chapter("Errors", Object.entries(api.components.responses).map(([code, it]) =>
    el("section", { id: `error-${code}` }, el("h3", {}, code), el("p", {}, prose(it.description)))));
  const all = { ...wires.components.schemas, ...api.components.schemas };
  chapter("Shapes", Object.keys(all).sort().map((name) => shape(name, all[name])));
  document.getElementById(location.hash.slice(1))?.scrollIntoView();
}

show().catch((error) => {
  $("reference").replaceChildren(el("p", { role: "alert" }, `The reference cannot be read: ${error.message}`));
});
