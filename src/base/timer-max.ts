/** Longest that a timer of JavaScript waits, milliseconds: what asks for more fires at once. */
export const TIMER_MAX_MS = 2 ** 31 - 1;
