/**
 * `understudy completion <shell>`: a script for bash, zsh or fish, which asks `understudy __complete` what may come next. That reads the
 * command tree itself, so that every command is completed.
 */
import { type Command, type Option, Option as OptionOf } from "commander";
import { print, type Shell } from "./shell.ts";

const SCRIPTS = {
  bash: `_understudy() {
  local IFS=$'\\n'
  COMPREPLY=($(compgen -W "$(understudy __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -F _understudy understudy`,
  zsh: `#compdef understudy
_understudy() {
  local -a found
  found=(\${(f)"$(understudy __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)"})
  compadd -a found
}
compdef _understudy understudy`,
  fish: "complete -c understudy -f -a '(understudy __complete -- (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null)'",
} as const;

export function addCompletion(program: Command, shell: Shell): void {
  program
    .command("completion")
    .description("print a script by which a shell completes commands and options")
    .addArgument(program.createArgument("<shell>", "bash, zsh or fish").choices(Object.keys(SCRIPTS)))
    .action((name: keyof typeof SCRIPTS) => print(shell, SCRIPTS[name]));
  program
    .command("__complete", { hidden: true })
    .argument("[words...]")
    .action((words: readonly string[]) => {
      for (const candidate of candidates(program, words)) print(shell, candidate);
    });
}

/** @param words behind the program's name; the last one is what is being typed */
function candidates(program: Command, words: readonly string[]): readonly string[] {
  const typed = words.at(-1) ?? "";
  let command = program;
  let operands = 0;
  const before = words.slice(0, -1);
  for (let index = 0; index < before.length; index++) {
    const word = before[index] as string;
    const option = optionNamed(program, command, word);
    // An option's value is no operand.
    if (option !== undefined && takesValue(option, before[index + 1] ?? "")) index++;
    else if (!word.startsWith("-")) {
      const deeper = command.commands.find((each) => each.name() === word);
      if (deeper === undefined) operands++;
      else command = deeper;
    }
  }
  const previous = optionNamed(program, command, before.at(-1) ?? "");
  if (previous !== undefined && takesValue(previous, typed)) return startingWith(previous.argChoices ?? [], typed);
  if (typed.startsWith("-")) {
    const flags = [...command.options, ...program.options, new OptionOf("--help")].filter(({ hidden }) => !hidden);
    return startingWith([...new Set(flags.map(({ long, short }) => long ?? short ?? ""))], typed);
  }
  const visible = command
    .createHelp()
    .visibleCommands(command)
    .map((each) => each.name());
  return startingWith([...visible, ...(command.registeredArguments[operands]?.argChoices ?? [])], typed);
}

function optionNamed(program: Command, command: Command, word: string): Option | undefined {
  return [...command.options, ...program.options].find(({ long, short }) => word !== "" && (word === long || word === short));
}

/** @param next the word behind it: where the value may be left out, another option is none */
function takesValue({ required, optional }: Option, next: string): boolean {
  return required || (optional && !next.startsWith("-"));
}

function startingWith(names: readonly string[], typed: string): readonly string[] {
  return names.filter((name) => name.startsWith(typed));
}
