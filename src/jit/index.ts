/** The room's door. */
export { DISPATCHER_EXPORT, dispatcherBytes } from "./dispatcher.ts";
export { type Host, multiplyAddProbe, roundsOnce } from "./fused-multiply-add.ts";
export {
  DISPATCH,
  LINK_ENTRIES,
  LINK_MISSED,
  LINK_TABLE,
  type MACHINE_FUNCTIONS,
  type MachineAddresses,
  REGION_IMPORTS,
} from "./machine-interface.ts";
export { type PageSource, partition, regionSources } from "./partition.ts";
export { NO_ENTRY, type RegionShape, type RegionSource, translateModule } from "./translate.ts";
