import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { test } from 'node:test';

import Telnyx from 'telnyx';

import { READ_KEY, SESSION, client, clientWith } from './client.js';

const tree = (params, options) =>
  client.sessionAnalysis.retrieve(SESSION, { record_type: 'call-session', ...params }, options);

async function refused(promise, kind, status, code, parameter) {
  const error = await promise.then(() => assert.fail('it was answered'), (caught) => caught);
  assert.equal(error.constructor, kind, String(error));
  assert.equal(error.status, status);
  const [first] = error.error.errors;
  for (const text of [first.title, first.message, first.detail, first.meta.request_id]) assert.ok(text);
  if (code) assert.equal(first.code, code);
  if (parameter) assert.deepEqual(first.source, { parameter });
}

test('a wrong parameter is a bad request that names it', async () => {
  await refused(tree({ max_depth: 6 }), Telnyx.BadRequestError, 400, '10033', 'max_depth');
  await refused(tree({ expand: 'all' }), Telnyx.BadRequestError, 400, '10032', 'expand');
  await refused(tree({ date_time: 'yesterday' }), Telnyx.BadRequestError, 400, '10015', 'date_time');
});

test('a misspelt record type is a bad request, and unknown to the metadata', async () => {
  await refused(tree({ record_type: 'call-sesion' }), Telnyx.BadRequestError, 400);
  const described = client.sessionAnalysis.metadata.retrieveRecordType('call-sesion');
  await refused(described, Telnyx.NotFoundError, 404, '10005');
});

test('a filter on a field the type does not have is a bad request', async () => {
  const list = client.detailRecords.list({ filter: { record_type: 'messaging', started_at: '2026-03-17' } });
  await refused(list, Telnyx.BadRequestError, 400, '10031', 'filter[started_at]');
});

test('an unknown key does not authenticate', async () => {
  const stranger = clientWith({ apiKey: 'no-such-key' });
  const asked = stranger.sessionAnalysis.retrieve(SESSION, { record_type: 'call-session' });
  await refused(asked, Telnyx.AuthenticationError, 401, '10009');
});

test('a reading key may not write', async () => {
  const body = { record_type: 'recording', id: 'written-by-a-reader', cost: '1' };
  const posted = clientWith({ apiKey: READ_KEY }).post('/detail_records', { body });
  await refused(posted, Telnyx.PermissionDeniedError, 403, '10010');
});

test('an event that is not there is not found', async () => {
  const asked = client.sessionAnalysis.retrieve('nowhere', { record_type: 'recording' });
  await refused(asked, Telnyx.NotFoundError, 404, '10005');
  await refused(tree({ date_time: '2026-03-20' }), Telnyx.NotFoundError, 404, '10005');
});

test('a body that is not taken', async () => {
  const large = { record_type: 'recording', id: 'large', note: 'x'.repeat(1_100_000) };
  await refused(client.post('/detail_records', { body: large }), Telnyx.APIError, 413);
  const odd = { body: { record_type: 'recording', id: 'odd' }, headers: { 'content-type': 'application/xml' } };
  await refused(client.post('/detail_records', odd), Telnyx.APIError, 415);
});

test('while the server is unavailable the client tries twice more', async () => {
  let asked = 0;
  const error = { code: '10007', title: 't', message: 'm', detail: 'd', meta: { request_id: 'r' } };
  const unavailable = createServer((_, response) => {
    asked += 1;
    // A server would say Retry-After, in seconds; this says it in milliseconds so that the test is quick.
    response.writeHead(503, { 'content-type': 'application/json', 'retry-after-ms': '10' });
    response.end(JSON.stringify({ errors: [error] }));
  });
  await new Promise((ready) => unavailable.listen(0, '127.0.0.1', ready));
  const at = clientWith({ baseURL: `http://127.0.0.1:${unavailable.address().port}/v2` });
  await refused(at.sessionAnalysis.metadata.retrieve(), Telnyx.InternalServerError, 503, '10007');
  assert.equal(asked, 3);
  unavailable.closeAllConnections();
  await new Promise((closed) => unavailable.close(closed));
});

test('no server is a connection error', async () => {
  const listening = createServer();
  await new Promise((ready) => listening.listen(0, '127.0.0.1', ready));
  const { port } = listening.address();
  await new Promise((closed) => listening.close(closed));
  const nobody = clientWith({ baseURL: `http://127.0.0.1:${port}/v2`, maxRetries: 0 });
  await assert.rejects(nobody.sessionAnalysis.metadata.retrieve(), Telnyx.APIConnectionError);
});
