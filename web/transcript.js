/** The transcript of the visitor's conversation as a text file. Loaded when it is asked for. */

export async function download({ conversation, language, texts }, log) {
  for (let before; conversation.first > 1 && conversation.first !== before; await log.earlier()) {
    before = conversation.first;
  }
  const entries = conversation.log.filter(({ seq }) => seq).map(({ author, role, event, text, at }) => {
    const line = event ? log.textOf(event) : `${log.nameOf(author, role)}: ${text}`;
    return `${new Date(at).toLocaleString(language)}\n${line}\n\n`;
  });
  const href = URL.createObjectURL(new Blob(entries));
  Object.assign(document.createElement("a"), { href, download: `${texts.chat}.txt` }).click();
}
