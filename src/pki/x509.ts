/** The library that writes and reads certificates, loaded where it is needed: an installation on one loopback needs none. */
export async function loadX509(): Promise<typeof import("@peculiar/x509")> {
  // Its containers ask for this when they are loaded.
  await import("reflect-metadata");
  return import("@peculiar/x509");
}
