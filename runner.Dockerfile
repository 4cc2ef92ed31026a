# One image for every process of a cluster: the command says which (runner, gateway, migrate).
FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json tsconfig.build.json ./
COPY src src
RUN npm run build && npm prune --omit=dev

FROM node:24-bookworm-slim
ENV NODE_ENV=production CLAWSTER_HOME=/var/lib/clawster CLAWSTER_LOG=json
WORKDIR /app
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY package.json CHANGELOG.md LICENSE ./
COPY bin bin
RUN install -d -o node -g node /var/lib/clawster
USER node
VOLUME /var/lib/clawster
EXPOSE 34431 7373
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "require('net').connect(process.env.CLAWSTER_RUNNER_PORT || 34431, process.env.CLAWSTER_RUNNER_HOST || '127.0.0.1').on('connect', () => process.exit(0)).on('error', () => process.exit(1))"]
ENTRYPOINT ["node", "bin/clawster.mjs"]
CMD ["runner"]
