/**
 * The story that the guest tells on its console, and the judge of what came out of it.
 *
 * The guest counts `guest 1`, `guest 2`, ... on its own and answers each line that is typed, `client 1`, with `heard client 1`.
 * Each line is one write, which a terminal does not divide, and the terminal does not echo: in a run without failures the
 * text is exactly an interleaving of two gapless sequences of lines. Whatever a failover lost, repeated, cut or mixed up
 * shows as a line that does not fit.
 */

/** The guest prints this line when the story begins. */
export const STORY_BEGIN = "story: begin";

/**
 * What is typed at a shell to make it tell the story. The marker is split, so that the echo of the command is not it.
 *
 * The guest's `sleep` knows whole seconds only: a `read` that times out on a pipe nobody writes to is the clock. Reading what
 * is typed with a time-out would lose the beginning of a line that arrives when the time is up, so that is another process.
 */
export const STORY_SCRIPT =
  `dmesg -n 1; stty -echo; mknod /tmp/clock p; exec 3<>/tmp/clock; echo 'story: '"begin"; ` +
  `(n=0; while :; do n=$((n+1)); echo "guest $n"; read -t 0.05 x <&3; done &); ` +
  `while read -r line; do echo "heard $line"; done\n`;

/** The `number`th line that the client types. */
export function clientLine(number: number): string {
  return `client ${number}\n`;
}

export interface TranscriptFacts {
  /** Lines `client 1` to `client <typed>` were given to the SDK. */
  readonly typed: number;
  /** Lines `client 1` to `client <acknowledged>` were acknowledged. */
  readonly acknowledged: number;
}

export interface TranscriptVerdict {
  readonly holds: boolean;
  /** Lines that the guest counted. */
  readonly guestLines: number;
  /** Lines that the guest heard. */
  readonly heardLines: number;
  /** What is wrong, the first few, in sentences. */
  readonly problems: readonly string[];
}

const PROBLEMS_MAX = 10;

/** @param transcript everything that the console said, from before `story: begin` on; its last line may be cut */
export function checkTranscript(transcript: string, facts: TranscriptFacts): TranscriptVerdict {
  const problems: string[] = [];
  const wrong = (problem: string) => {
    if (problems.length < PROBLEMS_MAX) problems.push(problem);
  };
  const marker = `${STORY_BEGIN}\r\n`;
  const begin = transcript.indexOf(marker);
  if (begin < 0) return { holds: false, guestLines: 0, heardLines: 0, problems: [`the story never began: no line "${STORY_BEGIN}"`] };

  const lines = transcript.slice(begin + marker.length).split("\r\n");
  const last = lines.pop() ?? "";
  let guest = 0;
  let heard = 0;
  for (const [index, line] of lines.entries()) {
    const guestNumber = numberBehind("guest ", line);
    const heardNumber = numberBehind("heard client ", line);
    if (guestNumber !== null) {
      if (guestNumber !== guest + 1) wrong(`line ${index + 1}: the guest counted ${guestNumber} after ${guest}`);
      guest = guestNumber;
    } else if (heardNumber !== null) {
      if (heardNumber !== heard + 1) wrong(`line ${index + 1}: the guest heard client line ${heardNumber} after ${heard}`);
      heard = heardNumber;
    } else {
      wrong(`line ${index + 1}: ${JSON.stringify(line.slice(0, 80))} is no line of the story`);
    }
  }
  if (!`guest ${guest + 1}\r`.startsWith(last) && !`heard client ${heard + 1}\r`.startsWith(last)) {
    wrong(`the cut last line ${JSON.stringify(last.slice(0, 80))} does not begin a line of the story`);
  }
  if (guest === 0) wrong("the guest counted nothing");
  if (heard < facts.acknowledged) wrong(`the guest heard ${heard} client lines, ${facts.acknowledged} were acknowledged`);
  if (heard > facts.typed) wrong(`the guest heard ${heard} client lines, only ${facts.typed} were typed`);
  return { holds: problems.length === 0, guestLines: guest, heardLines: heard, problems };
}

/** @returns null unless `line` is exactly the prefix and a decimal number without leading zeros */
function numberBehind(prefix: string, line: string): number | null {
  if (!line.startsWith(prefix)) return null;
  const digits = line.slice(prefix.length);
  return /^[1-9]\d{0,14}$/.test(digits) ? Number(digits) : null;
}
