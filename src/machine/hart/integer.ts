/** Multiplications and divisions that WebAssembly does not have as one instruction, by the M extension's rules. */

export function mulhu(a: u64, b: u64): u64 {
  const al = a & 0xffffffff;
  const ah = a >> 32;
  const bl = b & 0xffffffff;
  const bh = b >> 32;
  const middle = ah * bl + ((al * bl) >> 32);
  const low = (middle & 0xffffffff) + al * bh;
  return ah * bh + (middle >> 32) + (low >> 32);
}

export function mulh(a: u64, b: u64): u64 {
  return mulhu(a, b) - (<i64>a < 0 ? b : 0) - (<i64>b < 0 ? a : 0);
}

export function mulhsu(a: u64, b: u64): u64 {
  return mulhu(a, b) - (<i64>a < 0 ? b : 0);
}

export function div(a: i64, b: i64): i64 {
  if (b == 0) return -1;
  if (b == -1) return -a; // the one overflow gives the dividend back
  return a / b;
}

export function rem(a: i64, b: i64): i64 {
  if (b == 0) return a;
  if (b == -1) return 0;
  return a % b;
}

export function divu(a: u64, b: u64): u64 {
  return b == 0 ? -1 : a / b;
}

export function remu(a: u64, b: u64): u64 {
  return b == 0 ? a : a % b;
}

/** A word, sign-extended to 64 bits. */
export function word(value: u64): u64 {
  return <u64>(<i64>(<i32>value));
}
