// The client in a program of Node, whose types know no DOM and no React.

import { Switchboard } from "@switchboard-chat/client";
import { WebSocket } from "ws";

const where = { url: "http://127.0.0.1:3000", socketUrl: "ws://127.0.0.1:3000/ws" };
const board = new Switchboard({ ...where, token: "eyJ0…", WebSocket });
for await (const event of board.inbox()) {
  if (event.type === "thread.updated" && event.thread.status === "queued") console.log(event.thread.customer_id);
}
