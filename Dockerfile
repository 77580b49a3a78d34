# Two stages on Debian 12: build as ./dev does, then only what runs. No shell tools are added, no root at run time.
FROM debian:12-slim AS build
WORKDIR /src
COPY . .
RUN ./dev build

FROM debian:12-slim
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends libmicrohttpd12 libjansson4 libjwt0 libssl3 libsqlite3-0 libcurl4 zlib1g ca-certificates \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --home-dir /var/lib/licgate --create-home --shell /usr/sbin/nologin licgate
COPY --from=build /src/build/release/licgate /usr/local/bin/licgate
COPY --from=build /src/descriptor /usr/share/licgate/descriptor
COPY --from=build /src/static /usr/share/licgate/static
COPY --from=build /src/mail /usr/share/licgate/mail
USER licgate
WORKDIR /var/lib/licgate
VOLUME /var/lib/licgate
ENV LICGATE_LISTEN=0.0.0.0:8080 \
    LICGATE_ADMIN_LISTEN=127.0.0.1:8081 \
    LICGATE_DATABASE=sqlite:/var/lib/licgate/licgate.db \
    LICGATE_DESCRIPTOR=/usr/share/licgate/descriptor/atlassian-connect.json \
    LICGATE_FEATURES=/usr/share/licgate/descriptor/features.json \
    LICGATE_STATIC=/usr/share/licgate/static \
    LICGATE_MAIL_DIR=/usr/share/licgate/mail
EXPOSE 8080
STOPSIGNAL SIGTERM
# The binary asks itself: no curl or wget in the image.
HEALTHCHECK --interval=15s --timeout=3s --start-period=5s CMD ["licgate", "health"]
ENTRYPOINT ["licgate"]
CMD ["serve"]
