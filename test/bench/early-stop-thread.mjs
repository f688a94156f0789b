/** Where a thread begins: Node 20 does not load TypeScript in threads by what the process was started with. */
import { register } from "tsx/esm/api";

register();
await import("./early-stop-thread.ts");
