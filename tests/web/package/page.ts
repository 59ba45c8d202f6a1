// The widget and the client in a page, where nothing else is installed.

import { Switchboard } from "@switchboard-chat/client";
import type { SwitchboardChat } from "@switchboard-chat/client/widget";

const chat: SwitchboardChat = document.createElement("switchboard-chat");
chat.open = new Switchboard({ url: "", socketUrl: "", token: "eyJ0…" }).thread("thr_…").seq > 0;
