/** /v1/images: what VMs can be made from. Images come into the store with `understudy image pull`. */
import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import type { ControlPlane } from "../control-plane.ts";
import { presentImage } from "../presenters/image.ts";
import { ImageList } from "../schemas/image.ts";

export const imageRoutes =
  (control: ControlPlane): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.route({
      method: "GET",
      url: "/v1/images",
      schema: {
        operationId: "listImages",
        scope: "images:read",
        summary: "List images, newest first",
        tags: ["images"],
        response: { 200: ImageList },
        errors: ["image_store_error"],
      },
      handler: async () => ({ items: (await control.images.list()).map(presentImage) }),
    });
  };
