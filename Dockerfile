# Builds one image for each PART: a service of infra/system/services.ts, or `tools`, the one-shot programs.
#   docker build --build-arg PART=orders .
ARG NODE_IMAGE=node:24.21-bookworm-slim

# Compiles everything once, for all parts. The packages have a layer of their own, which a changed source file keeps.
FROM ${NODE_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN --mount=type=cache,target=/root/.npm npm ci --include=dev --no-audit --no-fund --loglevel=error
COPY tsconfig.json tsconfig.build.json ./
COPY libs libs
COPY infra infra
COPY apps apps
RUN node node_modules/typescript/bin/tsc -p tsconfig.build.json

# Takes the built files and the list of packages that this part uses.
FROM build AS part
ARG PART
RUN node dist/infra/image/assemble.js "${PART}" /part

# Installs exactly these packages, in the versions of the lock file. Nothing but the list of packages is an input.
FROM ${NODE_IMAGE} AS packages
WORKDIR /app
COPY --from=part /part/package.json /part/package-lock.json /build/.npmrc ./
RUN --mount=type=cache,target=/root/.npm \
  npm install --omit=dev --ignore-scripts --prefer-offline --no-audit --no-fund --loglevel=error

FROM ${NODE_IMAGE}
WORKDIR /app
ENV NODE_ENV=production
COPY --from=packages /app/node_modules node_modules
COPY --from=part /part/package.json package.json
COPY --from=part /part/dist dist
# These folders belong to the user below. A new volume that is mounted there gets the same owner.
COPY --from=part --chown=node:node /part/state /state
USER node
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "--enable-source-maps"]
CMD ["."]
