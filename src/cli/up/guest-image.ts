/** The default guest image, pulled where the store does not have it. */
import { UnderstudyError } from "../../base/errors.ts";
import { ImageStore } from "../../images/index.ts";
import { type ImageSourceOptions, pullImage } from "../image-pull.ts";
import { note, type Shell } from "../shell.ts";

export const DEFAULT_IMAGE = "debian";

export async function ensureGuestImage(directory: string, source: ImageSourceOptions, shell: Shell): Promise<void> {
  const store = new ImageStore(directory);
  await store.init();
  try {
    await store.resolve(DEFAULT_IMAGE);
    return;
  } catch (error) {
    if (!(error instanceof UnderstudyError) || error.code !== "image_not_found") throw error;
  }
  note(shell, `Pulling the guest image "${DEFAULT_IMAGE}" (once)`);
  await pullImage({ source, name: DEFAULT_IMAGE, store, shell });
}
