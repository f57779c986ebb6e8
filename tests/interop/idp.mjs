// An identity provider for the checks of identity.py: npm oidc-provider on loopback.
//
// Usage: node idp.mjs '{"port", "keys", "resources": [], "ttl"}'. `keys` is a part of every key's id: another one, on a later run at the
// same port, is a rotation. It prints one line when it listens.
//
// Clients: `cc` gets JWTs signed as its `alg` parameter says, `opaque` gets opaque tokens, `gateway` introspects; others register themselves.

import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

// The packages are installed below the target folder, not beside this file.
const { resolve } = createRequire(join(process.cwd(), "package.json"));
const { default: Provider, errors } = await import(pathToFileURL(resolve("oidc-provider")));
const { exportJWK, generateKeyPair } = await import(pathToFileURL(resolve("jose")));

const { port, keys, resources, ttl } = JSON.parse(process.argv[2]);
const issuer = `http://127.0.0.1:${port}`;
const SCOPES = ["mcp:tools", "mcp:admin"];

const machine = { response_types: [], redirect_uris: [], grant_types: ["client_credentials"] };
const clients = [
    ...["RS256", "ES256", "EdDSA"].map((alg) => ({ ...machine, client_id: `cc-${alg}`, client_secret: "secret-of-a-test-client", scope: SCOPES.join(" ") })),
    { ...machine, client_id: "opaque", client_secret: "secret-of-a-test-client", scope: SCOPES.join(" ") },
    { ...machine, client_id: "gateway", client_secret: "secret-of-the-gateway" },
];

async function key(alg) {
    const { privateKey } = await generateKeyPair(alg, { extractable: true });
    return { ...(await exportJWK(privateKey)), alg, kid: `${alg}-${keys}`, use: "sig" };
}

function resourceServer(audience, client) {
    const [, alg = "RS256"] = client.clientId.startsWith("cc-") ? client.clientId.split("-") : [];
    const format = client.clientId === "opaque" ? "opaque" : "jwt";
    return { scope: SCOPES.join(" "), audience, accessTokenTTL: ttl, accessTokenFormat: format, jwt: { sign: { alg } } };
}

const provider = new Provider(issuer, {
    clients,
    jwks: { keys: await Promise.all(["RS256", "ES256", "EdDSA"].map(key)) },
    scopes: ["openid", "offline_access", ...SCOPES],
    clientDefaults: { token_endpoint_auth_method: "client_secret_basic" },
    ttl: { ClientCredentials: ttl, AccessToken: ttl },
    features: {
        clientCredentials: { enabled: true },
        dPoP: { enabled: true },
        introspection: { enabled: true },
        registration: { enabled: true, initialAccessToken: false },
        resourceIndicators: {
            enabled: true,
            defaultResource: async (_context, _client, one) => one,
            useGrantedResource: async () => true,
            async getResourceServerInfo(_context, resource, client) {
                if (!resources.includes(resource)) {
                    throw new errors.InvalidTarget();
                }
                return resourceServer(resource, client);
            },
        },
    },
});
provider.listen(port, "127.0.0.1", () => console.log(JSON.stringify({ issuer })));
