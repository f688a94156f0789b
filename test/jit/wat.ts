/** WebAssembly modules as text for review: binaryen's, with what fits on a line on one. */
import binaryen from "assemblyscript/binaryen";

const WIDTH = 120;

type Expression = string | readonly Expression[];

/** @param module with a name section, so that the text has names */
export function watText(module: Uint8Array): string {
  const parsed = binaryen.readBinary(module);
  try {
    return layOut(nameExits(read(parsed.emitText())), 0);
  } finally {
    parsed.dispose();
  }
}

/** @throws {Error} where the text is not that of a valid module */
export function validate(text: string): void {
  const parsed = binaryen.parseText(text);
  try {
    parsed.setFeatures(binaryen.Features.All);
    if (parsed.validate() === 0) throw new Error("the text is no valid module");
  } finally {
    parsed.dispose();
  }
}

function read(text: string): Expression {
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|\(|\)|[^\s()"]+/g) ?? [];
  let at = 0;
  const next = (): Expression => {
    const token = tokens[at++];
    if (token !== "(") return token ?? "";
    const list: Expression[] = [];
    while (tokens[at] !== ")") list.push(next());
    at++;
    return list;
  };
  return next();
}

/** The two outermost blocks and the loop in them have a name each in every region (src/jit/translate.ts); others as binaryen counts them. */
function nameExits(module: Expression): Expression {
  if (typeof module === "string") return module;
  return module.map((part) => {
    if (typeof part === "string" || part[0] !== "func") return part;
    const inside = (outer: Expression | undefined, kind: string): Expression | undefined =>
      typeof outer === "object" ? outer.find((one) => typeof one !== "string" && one[0] === kind) : undefined;
    const exit = inside(part, "block");
    const jump = inside(exit, "block");
    const dispatch = inside(jump, "loop");
    const names = new Map([
      [exit?.[1], "$exit"],
      [jump?.[1], "$jump"],
      [dispatch?.[1], "$dispatch"],
    ]);
    const rename = (one: Expression): Expression => (typeof one === "string" ? (names.get(one) ?? one) : one.map(rename));
    return rename(part);
  });
}

function flat(expression: Expression): string {
  return typeof expression === "string" ? expression : `(${expression.map(flat).join(" ")})`;
}

/** A list is on one line where it fits; else what begins it is, and declarations share lines, while the others have a line of their own. */
function layOut(expression: Expression, depth: number): string {
  const whole = flat(expression);
  if (typeof expression === "string" || (depth + whole.length <= WIDTH && !/^\((module|func \$f\d) |\((block|loop) /.test(whole)))
    return whole;
  const lines: string[] = [""];
  for (const part of expression) {
    const text = layOut(part, depth + 1);
    const before = lines.at(-1) ?? "";
    const shares = typeof part === "string" || /^\((param|result|local) /.test(text);
    if (shares && depth + before.length + text.length < WIDTH) lines[lines.length - 1] = before === "" ? text : `${before} ${text}`;
    else lines.push(text);
  }
  return `(${lines.join(`\n${" ".repeat(depth + 1)}`)})`;
}
