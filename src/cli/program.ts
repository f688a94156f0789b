/** The command line: every command of `understudy`, and how a run of one ends. */
import { Command } from "commander";
import { addApi } from "./api.ts";
import { addAuditLs } from "./audit-ls.ts";
import { CLI_VERSION } from "./cli-version.ts";
import { addCompletion } from "./completion.ts";
import { addConnectionOptions } from "./connection.ts";
import { addContext } from "./context.ts";
import { addDemo } from "./demo/demo.ts";
import { addEvents } from "./events.ts";
import { addExamples } from "./examples.ts";
import { endingOf } from "./exit-code.ts";
import { addImageLs } from "./image-ls.ts";
import { addImagePull } from "./image-pull.ts";
import { addImagePush } from "./image-push.ts";
import { addImageRm } from "./image-rm.ts";
import { addImageSave } from "./image-save.ts";
import { addImageTag } from "./image-tag.ts";
import { addMachineRun } from "./machine-run.ts";
import { addOpCancel } from "./op-cancel.ts";
import { addOpGet } from "./op-get.ts";
import { addOpLs } from "./op-ls.ts";
import { addOpWait } from "./op-wait.ts";
import { addQuotaLs } from "./quota-ls.ts";
import { addSetup } from "./setup.ts";
import { note, type Shell } from "./shell.ts";
import { addTokenCreate } from "./token-create.ts";
import { addTokenLs } from "./token-ls.ts";
import { addTokenRevoke } from "./token-revoke.ts";
import { addUp } from "./up/up.ts";
import { addVersion } from "./version.ts";
import { addVmConsole } from "./vm-console.ts";
import { addVmCreate } from "./vm-create.ts";
import { addVmFailover } from "./vm-failover.ts";
import { addVmGet } from "./vm-get.ts";
import { addVmHistory } from "./vm-history.ts";
import { addVmKill } from "./vm-kill.ts";
import { addVmLogs } from "./vm-logs.ts";
import { addVmLs } from "./vm-ls.ts";
import { addVmPause } from "./vm-pause.ts";
import { addVmProtection } from "./vm-protection.ts";
import { addVmReplica } from "./vm-replica.ts";
import { addVmReset } from "./vm-reset.ts";
import { addVmResume } from "./vm-resume.ts";
import { addVmRm } from "./vm-rm.ts";
import { addVmStart } from "./vm-start.ts";
import { addVmStop } from "./vm-stop.ts";
import { addVmUpdate } from "./vm-update.ts";
import { addVmWait } from "./vm-wait.ts";
import { addWhoami } from "./whoami.ts";
import { addWorkerCordon } from "./worker-cordon.ts";
import { addWorkerDrain } from "./worker-drain.ts";
import { addWorkerFence } from "./worker-fence.ts";
import { addWorkerGet } from "./worker-get.ts";
import { addWorkerLs } from "./worker-ls.ts";
import { addWorkerRm } from "./worker-rm.ts";
import { addWorkerUncordon } from "./worker-uncordon.ts";

/** As shells report a program that Ctrl-C ended. */
const INTERRUPTED = 130;

/** @param arguments_ what follows the program's name */
export async function run(arguments_: readonly string[], shell: Shell): Promise<number> {
  try {
    await createProgram(shell).parseAsync([...arguments_], { from: "user" });
    return 0;
  } catch (error) {
    if (shell.signal.aborted) return INTERRUPTED;
    const { code, message } = endingOf(error);
    if (message !== null) note(shell, message);
    return code;
  }
}

export function createProgram(shell: Shell): Command {
  const program = new Command("understudy");
  program
    .description("Fault-tolerant virtual machines: a guest that goes on at the same instruction when its host process dies")
    .version(CLI_VERSION)
    .exitOverride()
    .configureOutput({ writeOut: (text) => shell.stdout.write(text), writeErr: (text) => shell.stderr.write(text) })
    .showHelpAfterError("(add --help for the options)");
  addConnectionOptions(program);
  addUp(program, shell);
  addDemo(program, shell);
  addSetup(program, shell);
  const vm = program.command("vm").description("virtual machines");
  addVmCreate(vm, shell);
  addVmLs(vm, shell);
  addVmGet(vm, shell);
  addVmUpdate(vm, shell);
  addVmWait(vm, shell);
  addVmConsole(vm, shell);
  addVmLogs(vm, shell);
  addVmFailover(vm, shell);
  addVmHistory(vm, shell);
  addVmReplica(vm, shell);
  addVmProtection(vm, shell);
  addVmStart(vm, shell);
  addVmStop(vm, shell);
  addVmKill(vm, shell);
  addVmPause(vm, shell);
  addVmResume(vm, shell);
  addVmReset(vm, shell);
  addVmRm(vm, shell);
  const worker = program.command("worker").description("processes that run replicas");
  addWorkerLs(worker, shell);
  addWorkerGet(worker, shell);
  addWorkerCordon(worker, shell);
  addWorkerUncordon(worker, shell);
  addWorkerDrain(worker, shell);
  addWorkerFence(worker, shell);
  addWorkerRm(worker, shell);
  const op = program.command("op").description("operations: what calls have set going");
  addOpLs(op, shell);
  addOpGet(op, shell);
  addOpWait(op, shell);
  addOpCancel(op, shell);
  const image = program.command("image").description("guest images");
  addImagePull(image, shell);
  addImagePush(image, shell);
  addImageSave(image, shell);
  addImageLs(image, shell);
  addImageTag(image, shell);
  addImageRm(image, shell);
  const token = program.command("token").description("who may use the service, and for what");
  addTokenCreate(token, shell);
  addTokenLs(token, shell);
  addTokenRevoke(token, shell);
  addWhoami(program, shell);
  const audit = program.command("audit").description("who asked for what, and what came of it");
  addAuditLs(audit, shell);
  const quota = program.command("quota").description("what the project may have");
  addQuotaLs(quota, shell);
  const machine = program.command("machine").description("the virtual machine by itself, without the service");
  addMachineRun(machine, shell);
  addEvents(program, shell);
  addApi(program, shell);
  addContext(program, shell);
  addCompletion(program, shell);
  addVersion(program, shell);
  addExamples(program);
  return program;
}
