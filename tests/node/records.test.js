import assert from 'node:assert/strict';
import { before, test } from 'node:test';

import { client } from './client.js';

const COUNT = 45;
const idOf = (number) => `node-message-${String(number).padStart(3, '0')}`;
const IDS = Array.from({ length: COUNT }, (_, number) => idOf(number));
const START = Date.UTC(2026, 2, 17, 10);

before(async () => {
  const body = IDS.map((uuid, number) => ({
    record_type: 'message_detail_record',
    uuid,
    created_at: new Date(START - number * 60_000).toISOString(),
    direction: number % 3 ? 'outbound' : 'inbound',
    cost: '0.0040',
    currency: 'USD',
  }));
  const { data } = await client.post('/detail_records', { body });
  assert.deepEqual([data.received, data.created, data.rejected], [COUNT, COUNT, 0]);
});

async function list(params, filter = {}) {
  const ids = [];
  const mine = { record_type: 'messaging', uuid: { starts_with: 'node-message-' }, ...filter };
  for await (const record of client.detailRecords.list({ filter: mine, ...params })) ids.push(record.uuid);
  return ids;
}

test('detail records are paged to the end', async () => {
  for (const page_size of [7, 20, 45, 50]) {
    assert.deepEqual(await list({ 'page[size]': page_size, sort: ['-created_at'] }), IDS);
  }
});

test('a page says where it stands', async () => {
  const filter = { record_type: 'messaging', uuid: { starts_with: 'node-message-' } };
  const first = await client.detailRecords.list({ filter, sort: ['created_at'] });
  assert.equal(first.data.length, 20);
  assert.deepEqual([first.meta.page_number, first.meta.total_pages, first.meta.total_results], [1, 3, COUNT]);
  const last = await (await first.getNextPage()).getNextPage();
  assert.deepEqual([last.data.length, last.meta.page_number, last.hasNextPage()], [5, 3, false]);
});

test('detail records are filtered and sorted', async () => {
  const inbound = IDS.filter((_, number) => number % 3 === 0);
  assert.deepEqual(await list({ sort: ['-created_at'] }, { direction: 'inbound' }), inbound);
  assert.deepEqual((await list({ sort: ['direction', '-created_at'] })).slice(0, inbound.length), inbound);
  const range = { uuid: { gte: idOf(10), lt: idOf(13) } };
  assert.deepEqual(await list({ sort: ['uuid'] }, range), IDS.slice(10, 13));
});
