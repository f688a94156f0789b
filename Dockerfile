# The three programs of dist/ in one image: `node dist/control-plane.mjs`, `node dist/worker.mjs`, `node dist/understudy.mjs`.

FROM node:20-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci
COPY . .
# The database is another container's: the embedded Postgres of the optional packages stays behind.
RUN node src/build/build.mjs && npm prune --omit=dev --omit=optional

FROM node:20-bookworm-slim
# xz opens Debian's packages when the guest image is made; apt, with Debian's keyring, is in the base image.
RUN apt-get update \
  && apt-get install --yes --no-install-recommends ca-certificates debian-archive-keyring xz-utils \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY --from=build /app/migrations ./migrations
# Volumes that are mounted here for the first time get this owner.
RUN mkdir -p /var/lib/understudy/images /var/lib/understudy/secrets && chown -R node:node /var/lib/understudy
ENV NODE_ENV=production
USER node
ENTRYPOINT ["node", "--enable-source-maps"]
CMD ["dist/understudy.mjs", "--help"]
