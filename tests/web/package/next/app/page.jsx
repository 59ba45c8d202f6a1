import { Chat } from "./chat";

export default function Page() {
  return <Chat threadId="thr_01JD0000000000000000000000" />;
}
