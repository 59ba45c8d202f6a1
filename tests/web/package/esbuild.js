// Each entry of the package, in one bundle for a browser.

import { Switchboard } from "@switchboard-chat/client";
import { useSwitchboardChat } from "@switchboard-chat/client/ai-sdk";
import { useSwitchboard } from "@switchboard-chat/client/react";
import { SwitchboardChat } from "@switchboard-chat/client/widget";

console.log([Switchboard, useSwitchboard, useSwitchboardChat, SwitchboardChat].map((made) => typeof made).join(" "));
