// qsh.js - which request a caller signed, when it was not the one we got.
//
// A token only holds the SHA-256 of the canonical request its maker had in mind (METHOD&path&query). What goes wrong in
// practice is one of a few things: another method, a path with or without a prefix, a parameter too many or too few,
// other escapes. Each is tried; a hash that comes out right tells exactly what differed.

const K = Uint32Array.from({ length: 64 }, (() => {
	const primes = [];
	for (let n = 2; primes.length < 64; n++) if (primes.every((p) => n % p)) primes.push(n);
	return (_, i) => (Math.cbrt(primes[i]) % 1) * 2 ** 32;
})());
const H = [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];
const rotate = (x, n) => (x >>> n) | (x << (32 - n));

/* FIPS 180-4. The browser's own is there on secure origins alone, and this page may be reached over plain HTTP. */
export function sha256(text) {
	const bytes = new TextEncoder().encode(text);
	const padded = new Uint8Array(Math.ceil((bytes.length + 9) / 64) * 64);
	padded.set(bytes);
	padded[bytes.length] = 0x80;
	const view = new DataView(padded.buffer);
	view.setUint32(padded.length - 4, bytes.length * 8);
	const hash = Uint32Array.from(H), w = new Uint32Array(64);
	for (let at = 0; at < padded.length; at += 64) {
		for (let i = 0; i < 16; i++) w[i] = view.getUint32(at + i * 4);
		for (let i = 16; i < 64; i++) {
			const a = w[i - 15], b = w[i - 2];
			w[i] = w[i - 16] + w[i - 7] + (rotate(a, 7) ^ rotate(a, 18) ^ (a >>> 3)) + (rotate(b, 17) ^ rotate(b, 19) ^ (b >>> 10));
		}
		let [a, b, c, d, e, f, g, h] = hash;
		for (let i = 0; i < 64; i++) {
			const t1 = (h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & f) ^ (~e & g)) + K[i] + w[i]) | 0;
			const t2 = ((rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
			[h, g, f, e, d, c, b, a] = [g, f, e, (d + t1) | 0, c, b, a, (t1 + t2) | 0];
		}
		[a, b, c, d, e, f, g, h].forEach((v, i) => { hash[i] += v; });
	}
	return [...hash].map((v) => v.toString(16).padStart(8, '0')).join('');
}

/** "GET&/path&a=1&b=2" in its parts. */
export function parts(canonical) {
	const [method, path, ...query] = canonical.split('&');
	return { method, path, query: query.filter((q) => q !== '') };
}
const join = ({ method, path, query }) => `${method}&${path}&${query.join('&')}`;

function* variants(canonical, prefixes) {
	const own = parts(canonical);
	const { method, path, query } = own;
	for (const other of ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD']) if (other !== method) yield ['another method', { ...own, method: other }];
	const paths = new Set([`${path}/`, path.replace(/\/$/, '') || '/', path.replace(/^\/[^/]+/, '') || '/', path.toLowerCase(), ...prefixes.map((p) => p + path)]);
	paths.delete(path);
	for (const other of paths) yield ['another path', { ...own, path: other }];
	if (query.length > 0) yield ['no query', { ...own, query: [] }];
	for (const [i, gone] of query.entries()) yield [`without the parameter ${gone.split('=')[0]}`, { ...own, query: query.filter((_, k) => k !== i) }];
	for (const keep of query) yield [`with the parameter ${keep.split('=')[0]} alone`, { ...own, query: [keep] }];
	const other = query.map((q) => q.replaceAll('%20', '+'));
	yield ['blanks written as +', { ...own, query: other }];
	yield ['escapes in lower case', { ...own, query: query.map((q) => q.replace(/%[0-9A-F]{2}/g, (e) => e.toLowerCase())) }];
	yield ['escapes left out', { ...own, query: query.map((q) => { try { return decodeURIComponent(q); } catch { return q; } }) }];
	for (const path_ of paths) for (const query_ of [[], query]) yield ['another path and query', { method, path: path_, query: query_ }];
}

/** { why, signed } for the variant whose hash the token holds; null where none is it. */
export function explain(canonical, received, prefixes = ['/app', '/api', '/base']) {
	for (const [why, request] of variants(canonical, prefixes)) if (sha256(join(request)) === received) return { why, signed: request };
	return null;
}
