/** Guest images: where they come from, what they are, and the folder that keeps them. */
export {
  ARCHIVE_MEDIA_TYPE,
  archiveBytes,
  archiveOf,
  type ByteRange,
  type ReceivedImage,
  readArchive,
  receiveArchive,
} from "./archive.ts";
export { DEBIAN_PACKAGE, DEBIAN_SUITE, downloadDebianPackage, type PullOptions, pullDebian } from "./debian.ts";
export { httpParts } from "./http-parts.ts";
export { DEFAULT_CMDLINE, type ImageProgress, type ImportOptions, importImage } from "./import.ts";
export { READY_LINE } from "./init.ts";
export { readKernel } from "./kernel-image.ts";
export { type BlobReference, type ImageManifest, type ImageSource, imageId } from "./manifest.ts";
export { type OpenSource, resumedStream } from "./resumed-stream.ts";
export { ImageStore, type ReceivedBlob } from "./store.ts";
