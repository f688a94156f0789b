/** Options that say how much of a console's history is kept, of `vm create` and `vm update`. */
import { Option } from "commander";
import { parseInteger } from "./output.ts";

export interface RetentionOptions {
  readonly consoleHead?: number;
  readonly consoleTail?: number;
}

export function consoleHeadOption(): Option {
  const parse = parseInteger(0, 1024 * 1024);
  return new Option(
    "--console-head <bytes>",
    "keep the first bytes that its guest writes, up to 1048576; 0 where it is left out",
  ).argParser(parse);
}

export function consoleTailOption(): Option {
  const parse = parseInteger(4096, 4 * 1024 * 1024);
  return new Option("--console-tail <bytes>", "keep the newest bytes, 4096 to 4194304; 262144 where it is left out").argParser(parse);
}

/** As part of a spec: nothing where nothing of it was asked for. */
export function retentionOf({ consoleHead, consoleTail }: RetentionOptions): {
  console?: { headBytes?: number; tailBytes?: number };
} {
  const console = {
    ...(consoleHead === undefined ? {} : { headBytes: consoleHead }),
    ...(consoleTail === undefined ? {} : { tailBytes: consoleTail }),
  };
  return Object.keys(console).length === 0 ? {} : { console };
}
