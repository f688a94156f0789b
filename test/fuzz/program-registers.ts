/** The registers of a random program, by what they hold: instructions are drawn for them. */

/** Registers that hold what a program computes; the others are pointers, ra, and x31, which counts loops. */
export const DATA = [3, 4, 5, 6, 7, 10, 11, 12, 13, 14, 15, 16, 17, 28, 29, 30];
export const TEMPORARIES = [28, 29, 30];
export const COUNTER = 31;

/** Pointers by what they point to, see `initialRegisters`. */
export const SP = 2;
export const S0 = 8;
export const S1 = 9;
export const CODE = 18;
export const MIDDLE = 19;
export const CROSSING = 20;
export const ATOMICS = 21;
export const TABLE = 22;
export const ANY_PAGE = 23;
export const NOWHERE = 24;
export const EXOTIC = 25;
export const READ_ONLY_CROSSING = 26;
export const LAST = 27;
export const LOAD_BASES = [
  SP,
  S0,
  S1,
  CODE,
  MIDDLE,
  MIDDLE,
  CROSSING,
  CROSSING,
  ATOMICS,
  TABLE,
  ANY_PAGE,
  ANY_PAGE,
  NOWHERE,
  EXOTIC,
  READ_ONLY_CROSSING,
  LAST,
];
export const STORE_BASES = [
  SP,
  S0,
  S1,
  MIDDLE,
  MIDDLE,
  CROSSING,
  CROSSING,
  ATOMICS,
  ANY_PAGE,
  ANY_PAGE,
  NOWHERE,
  EXOTIC,
  READ_ONLY_CROSSING,
];
/** But of the code. */
export const DATA_BASES = LOAD_BASES.filter((base) => base !== CODE);
