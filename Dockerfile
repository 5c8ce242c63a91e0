# One image for each PART: a service of infra/system/services.ts, or `tools`, the one-shots of the composition.
#   docker build --build-arg PART=orders .
ARG NODE_IMAGE=node:24.21-bookworm-slim

# Compiles everything once, for all parts. The packages are in a layer of their own: a changed source leaves it alone.
FROM ${NODE_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN --mount=type=cache,target=/root/.npm npm ci --include=dev --no-audit --no-fund --loglevel=error
COPY tsconfig.json tsconfig.build.json ./
COPY libs libs
COPY infra infra
COPY apps apps
RUN node node_modules/typescript/bin/tsc -p tsconfig.build.json

# Of that, what this part reaches by its imports.
FROM build AS part
ARG PART
RUN node dist/infra/image/assemble.js "${PART}" /part

# Exactly the packages that it reaches, in the versions of the lock file. Only its list of packages is an input.
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
# A new volume that is mounted over one of these folders belongs to the user below, as they do.
COPY --from=part --chown=node:node /part/state /state
USER node
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "--enable-source-maps"]
CMD ["."]
