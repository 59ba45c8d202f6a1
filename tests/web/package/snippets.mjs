// The snippets of README and docs that a type checker can read: each `js`, `ts`, `jsx` or `tsx` block is a module.

import { readFile } from "node:fs/promises";

const ROOT = new URL("../../../", import.meta.url);
const FILES = ["README.md", "web/README.md", "docs/clients.md"];
/** Names that the text around a snippet explains. */
const KNOWN = "declare const token: string, threadId: string;\n";

export async function snippets() {
  const texts = await Promise.all(FILES.map((file) => readFile(new URL(file, ROOT), "utf8")));
  const matches = texts.flatMap((text) => [...text.matchAll(/^```[jt]sx?\b[^\n]*\n(.*?)^```$/gms)]);
  const blocks = matches.map(([, block]) => block);
  return blocks.map((block) => {
    const text = block.replaceAll('"./switchboard.js"', '"@switchboard-chat/client"');
    const isKnown = /(const|let)[^=;]*\btoken\b/.test(text);
    return `${isKnown ? "" : KNOWN}${text}\nexport {};\n`;
  });
}
