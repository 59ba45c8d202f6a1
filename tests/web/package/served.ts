// For Deno: the client as a server serves it. Its types come with it, by `@ts-self-types`.

import { Switchboard, type ThreadEvent } from "SWITCHBOARD_URL/switchboard.js";

const board = new Switchboard({ url: "SWITCHBOARD_URL", socketUrl: "SWITCHBOARD_SOCKET", token: "eyJ0…" });
// @ts-expect-error: no number; without types this would be no error
board.thread(7);
export const typeOf = (event: ThreadEvent) => event.type;
board.close();
