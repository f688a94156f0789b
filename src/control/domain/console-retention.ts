/** How much of a VM's console is kept: the first bytes of its guest, and the newest ones. The guest knows nothing of it. */

export interface ConsoleRetention {
  readonly headBytes: number;
  readonly tailBytes: number;
}

export const HEAD_BYTES_MAX = 1024 * 1024;
export const TAIL_BYTES_MIN = 4096;
/** A backup does not know what its primary has let out, and keeps so much of its own output. */
export const TAIL_BYTES_MAX = 4 * 1024 * 1024;

/** The tail is as much as a machine holds by itself. */
export const DEFAULT_CONSOLE_RETENTION: ConsoleRetention = { headBytes: 0, tailBytes: 256 * 1024 };

/** @param spec of a row that an older version has written: the default */
export function retentionOf(spec: { readonly console?: ConsoleRetention }): ConsoleRetention {
  return spec.console ?? DEFAULT_CONSOLE_RETENTION;
}
