/** Labels on the command line: `--label key=value`, as often as there are labels. */
import { InvalidArgumentError } from "commander";

export function parseLabel(text: string, labels: Readonly<Record<string, string>>): Record<string, string> {
  const equals = text.indexOf("=");
  if (equals < 1) throw new InvalidArgumentError("It is key=value.");
  return { ...labels, [text.slice(0, equals)]: text.slice(equals + 1) };
}
