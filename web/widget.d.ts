/**
 * The types of `widget.js`, for editors and for TypeScript: importing the module defines `<switchboard-chat>`, also in
 * JSX.
 *
 *     import "@switchboard-chat/client/widget";
 *     <switchboard-chat pages="https://chat.example.com" tenant="acme" chatbot="bot_…" />
 */

/** The attributes of `<switchboard-chat>`. */
export interface SwitchboardChatAttributes {
  tenant: string;
  /** The chatbot's id, `bot_…`. */
  chatbot: string;
  /** The URL of the pages, whose `config.json` has the APIs' URLs; by default the one that `widget.js` comes from. */
  pages?: string;
  /** By default the page's language, then the browser's. */
  lang?: "en" | "es" | "ar" | (string & {});
  /** By default the visitor's setting. */
  theme?: "light" | "dark";
  /** The colour of the launcher and of the visitor's messages. */
  accent?: string;
  /** Present while the panel is open. */
  open?: boolean;
  /** A token of your own. A function is called again when its token is refused. */
  token?: string | (() => string | Promise<string>);
}

/** The element `<switchboard-chat>`: a launcher in the page's corner, and the chat that it opens. */
export class SwitchboardChat extends HTMLElement {
  open: boolean;
  token: SwitchboardChatAttributes["token"];
  /** Texts in place of the language's own, by their names in `widget.look.js`. */
  texts: Record<string, string> | undefined;
}

declare global {
  interface HTMLElementTagNameMap {
    "switchboard-chat": SwitchboardChat;
  }
}

// Without React there is nothing to extend, which is no error.
// @ts-ignore
declare module "react" {
  namespace JSX {
    // @ts-ignore
    type OfEveryElement = HTMLAttributes<SwitchboardChat> & ClassAttributes<SwitchboardChat>;
    interface IntrinsicElements {
      "switchboard-chat": SwitchboardChatAttributes & Omit<OfEveryElement, keyof SwitchboardChatAttributes>;
    }
  }
}
