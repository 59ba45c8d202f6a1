// The packages are two folders up.
export default { turbopack: { root: new URL("../..", import.meta.url).pathname } };
