/** What the help of each command shows at its end: how it is typed. A test holds every line to the command's own arguments and options. */
import type { Command } from "commander";

export const EXAMPLES: Readonly<Record<string, readonly string[]>> = {
  up: ["understudy up", "understudy up --workers 4 --no-demo"],
  demo: ["understudy demo"],
  setup: ["understudy setup --data-dir /srv/understudy"],
  "vm create": [
    "understudy vm create web --image debian --memory 256 --wait protected",
    "understudy vm create --name batch --protection none --label tier=back -o name",
    "understudy vm create db --paused --wait protected",
  ],
  "vm ls": [
    "understudy vm ls -o wide",
    "understudy vm ls --state running --protection unprotected",
    "understudy vm ls --selector tier=front,!retired -o name",
  ],
  "vm get": ["understudy vm get web", "understudy vm get web -o json"],
  "vm update": [
    "understudy vm update web --backups 2",
    "understudy vm update web --label tier=front --remove-label retired",
    "understudy vm update web --console-head 65536 --console-tail 1048576",
  ],
  "vm wait": ["understudy vm wait web --for protected", "understudy vm wait web --for condition:Protected=True --timeout 300"],
  "vm console": ["understudy vm console web", "understudy vm console web --read-only --from tail:4096"],
  "vm logs": ["understudy vm logs web", "understudy vm logs web -f --from end"],
  "vm failover": [
    "understudy vm failover web --mode planned",
    "understudy vm failover web --mode test -o json",
    "understudy vm failover web --expected-term 3 --no-wait -o name",
  ],
  "vm history": ["understudy vm history web", "understudy vm history web -o wide"],
  "vm replica ls": ["understudy vm replica ls web"],
  "vm replica restart": ["understudy vm replica restart web rep_01KJM5Q4M0P8Q6R4S2T0V8W6X4"],
  "vm replica migrate": ["understudy vm replica migrate web rep_01KJM5Q4M0P8Q6R4S2T0V8W6X4 --to worker-3"],
  "vm replica kill": ["understudy vm replica kill web rep_01KJM5Q4M0P8Q6R4S2T0V8W6X4"],
  "vm protection suspend": ["understudy vm protection suspend web"],
  "vm protection resume": ["understudy vm protection resume web --no-wait"],
  "vm start": ["understudy vm start web"],
  "vm stop": ["understudy vm stop web --grace 60"],
  "vm kill": ["understudy vm kill web"],
  "vm pause": ["understudy vm pause web"],
  "vm resume": ["understudy vm resume web"],
  "vm reset": ["understudy vm reset web --timeout 120"],
  "vm rm": ["understudy vm rm web", "understudy vm rm web --allow-missing --no-wait"],
  "worker ls": ["understudy worker ls", "understudy worker ls --selector rack=a3 -o wide"],
  "worker get": ["understudy worker get worker-1 -o json"],
  "worker cordon": ["understudy worker cordon worker-1"],
  "worker uncordon": ["understudy worker uncordon worker-1"],
  "worker drain": ["understudy worker drain worker-1", "understudy worker drain worker-1 --force --no-wait"],
  "worker fence": ["understudy worker fence worker-1"],
  "worker rm": ["understudy worker rm worker-1"],
  "op ls": ["understudy op ls --state running", "understudy op ls --vm web --limit 5"],
  "op get": ["understudy op get op_01KJM6Z1Y2X3W4V5T6S7R8Q9P0"],
  "op wait": ["understudy op wait op_01KJM6Z1Y2X3W4V5T6S7R8Q9P0 --timeout 300"],
  "op cancel": ["understudy op cancel op_01KJM6Z1Y2X3W4V5T6S7R8Q9P0"],
  "image pull": ["understudy image pull debian", "understudy image pull mine --kernel Image --initrd initrd.img"],
  "image push": ["understudy image push debian.tar", "understudy image push ./netboot --name mine --tag stable"],
  "image save": ["understudy image save debian debian.tar"],
  "image tag": ["understudy image tag stable debian@sha256:9f2c"],
  "image rm": ["understudy image rm debian", "understudy image rm stable --alias"],
  "image ls": ["understudy image ls"],
  "token create": ["understudy token create ci --scope vms:read,vms:write --ttl 86400"],
  "token ls": ["understudy token ls -o json"],
  "token revoke": ["understudy token revoke tok_01KJM700B1C2D3E4F5G6H7J8K9"],
  whoami: ["understudy whoami"],
  "audit ls": ["understudy audit ls --since 2026-01-31T08:00:00Z --limit 20"],
  "quota ls": ["understudy quota ls", "understudy quota ls -o json"],
  "machine run": ["understudy machine run test.elf --until 1000000000"],
  events: ["understudy events -f", "understudy events --type vm.failover.* --vm web -o json"],
  api: ["understudy api GET /v1/vms?pageSize=2", `understudy api PATCH /v1/vms/web --data '{"labels":{"tier":"back"}}'`],
  "context ls": ["understudy context ls"],
  "context use": ["understudy context use home"],
  "context set": ["understudy context set home --url https://understudy.example --token-file ~/home.token"],
  "context rm": ["understudy context rm home"],
  completion: ["source <(understudy completion bash)", "understudy completion fish > ~/.config/fish/completions/understudy.fish"],
  version: ["understudy version"],
};

/** Every command that does something, with its name as it is typed. */
export function leavesOf(command: Command, path: readonly string[] = []): readonly (readonly [string, Command])[] {
  const visible = command
    .createHelp()
    .visibleCommands(command)
    .filter((each) => each.name() !== "help");
  if (visible.length === 0) return [[path.join(" "), command]];
  return visible.flatMap((each) => leavesOf(each, [...path, each.name()]));
}

export function addExamples(program: Command): void {
  for (const [name, command] of leavesOf(program)) {
    const lines = EXAMPLES[name] ?? [];
    command.addHelpText("after", `\nExamples:\n${lines.map((line) => `  ${line}`).join("\n")}`);
  }
}
