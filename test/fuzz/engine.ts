/** What runs a fuzzer's image: from reset, with nothing around it, until it powers the machine off. */
import type { Image } from "./frame.ts";

export interface FuzzEngine {
  readonly name: string;
  /**
   * Runs an image to its end.
   *
   * @returns the bytes at `image.results`
   * @throws {EngineStuck} where it does not end
   */
  run(image: Image): Promise<Uint8Array>;
}

/** An image did not come to its end; `results` is what it has written until then. */
export class EngineStuck extends Error {
  readonly results: Uint8Array;

  constructor(message: string, results: Uint8Array) {
    super(message);
    this.name = "EngineStuck";
    this.results = results;
  }
}
