/** `understudy/sdk/testing`: a service for the tests of those who use the SDK, in their own process. Node only. */
export type { FakeOptions, FakeRefusal, FakeRequest } from "./fake-understudy.ts";
export { FakeUnderstudy } from "./fake-understudy.ts";
export type { FakeVm } from "./fake-vm.ts";
