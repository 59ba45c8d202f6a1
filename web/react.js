// @ts-self-types="./react.d.ts"
/** A thread in a React component. Documentation and types are in `react.d.ts`. */
import { useEffect, useMemo, useSyncExternalStore } from "react";

import { storeOf, UNKNOWN } from "./thread-store.js";

export function useSwitchboard(source) {
  const [store, snapshot] = useThreadStore(source);
  return useMemo(() => {
    const { send, setTyping, markRead, loadEarlier } = store;
    return { ...snapshot, send, setTyping, markRead, loadEarlier };
  }, [store, snapshot]);
}

/** The store of a thread, and its snapshot: for the hooks of this package. */
export function useThreadStore(source) {
  const { board, url, socketUrl, threadId, token } = source;
  const store = useMemo(() => storeOf(source), ["send" in source ? source : board, url, socketUrl, threadId]);
  // A function that is written in the component is another one each time. Another user needs another `key`.
  useEffect(() => {
    store.token = token;
  });
  return [store, useSyncExternalStore(store.subscribe, store.get, () => UNKNOWN)];
}
