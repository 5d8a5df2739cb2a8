// The server under test, as the environment names it, and the official client for it: only base URL and key are set.
import Telnyx from 'telnyx';

export const SERVER = process.env.SESSIONTREE_URL;
export const KEY = process.env.SESSIONTREE_KEY;
export const READ_KEY = process.env.SESSIONTREE_READ_KEY;

// The guide's call; the server has its records before these tests start.
export const SESSION = 'a1b2c3d4-5e6f-7a8b-9c0d-1e2f3a4b5c6d';

export function clientWith(options = {}) {
  return new Telnyx({ apiKey: KEY, baseURL: `${SERVER}/v2`, ...options });
}

export const client = clientWith();

export function nodesOf(node) {
  return [node, ...node.children.flatMap(nodesOf)];
}
