// Writes test/goldens/parquet: files in the layouts of the Hugging Face hub, by arrow-rs (the Rust implementation of Parquet), which shares
// no code with the reader that is tested.
//   npm install parquet-wasm@0.8.0 apache-arrow@21 && node parquet.mjs PICTURE.png OUTPUT_DIR
import { readFileSync, writeFileSync, mkdirSync } from 'node:fs';
import * as arrow from 'apache-arrow';
import * as parquet from 'parquet-wasm';

const [picture, output] = process.argv.slice(2);
const png = readFileSync(picture);
mkdirSync(`${output}/cauldron`, { recursive: true });

const text = new arrow.Utf8(), field = (name, type) => new arrow.Field(name, type, true);
const list = item => new arrow.List(field('item', item));
const struct = fields => new arrow.Struct(Object.entries(fields).map(([name, type]) => field(name, type)));
const image = struct({ bytes: new arrow.Binary(), path: text });
const word = () => new arrow.Dictionary(text, new arrow.Int32());

function write(name, columns, { compression, version = 'V1', rowGroup, dictionary = true }) {
  const children = Object.entries(columns).map(([key, [type, values]]) => [key, arrow.vectorFromArray(values, type)]);
  const table = new arrow.Table(Object.fromEntries(children));
  const features = JSON.stringify({ info: { features: Object.fromEntries(children.map(([key]) => [key, { _type: 'Value' }])) } });
  const properties = new parquet.WriterPropertiesBuilder()
    .setCompression(parquet.Compression[compression])
    .setWriterVersion(parquet.WriterVersion[version])
    .setMaxRowGroupSize(rowGroup)
    .setDictionaryEnabled(dictionary)
    .setKeyValueMetadata(new Map([['huggingface', features]]))
    .build();
  writeFileSync(`${output}/${name}`, parquet.writeParquet(parquet.Table.fromIPCStream(arrow.tableToIPC(table, 'stream')), properties));
}

// the_cauldron: two shards, row groups of two rows, zstd, pages of version 2.
for (let shard = 0; shard < 2; shard++) {
  const rows = [0, 1, 2, 3, 4].map(i => shard * 5 + i);
  write(`cauldron/train-0000${shard}-of-00002.parquet`, {
    images: [list(image), rows.map(i => [{ bytes: png, path: null }, ...(i % 2 ? [{ bytes: png, path: `${i}.png` }] : [])])],
    texts: [list(struct({ user: text, assistant: text, source: text })), rows.map(i => [
      { user: `Question ${i}?`, assistant: `Answer ${i}.`, source: 'made' },
      ...(i % 3 ? [] : [{ user: 'And ü 猫?', assistant: 'Yes.', source: null }]),
    ])],
  }, { compression: 'ZSTD', version: 'V2', rowGroup: 2 });
}

// rlaif-v: image struct, plain texts, snappy, and columns that nobody reads: a date, a decimal number, a list of numbers, a null column.
write('rlaif.parquet', {
  ds_name: [word(), ['made', 'made', 'made']],
  image: [image, [0, 1, 2].map(i => ({ bytes: png, path: `${i}.jpg` }))],
  question: [text, ['What?', 'Where?', 'Who?']],
  chosen: [text, ['A cat.', 'Here.', "Nobody's \"cat\"\n."]],
  rejected: [text, ['A dog.', 'There.', 'You.']],
  day: [new arrow.DateDay(), [new Date(0), new Date(864e5), null]],
  idx: [new arrow.Int64(), [1n, null, 9007199254740993n]],
  score: [list(new arrow.Float64()), [[0.5, null], [], null]],
}, { compression: 'SNAPPY', rowGroup: 1000 });

// rlaif-v_formatted and chat sets: nested messages whose parts have every field, null where it does not belong.
const part = struct({ text: text, type: text });
const messages = list(struct({ role: text, content: list(part) }));
const ask = i => ({ role: 'user', content: [{ text: null, type: 'image' }, { text: `Question ${i}?`, type: 'text' }] });
const say = words => ({ role: 'assistant', content: [{ text: words, type: 'text' }] });
write('preference.parquet', {
  images: [list(image), [0, 1].map(() => [{ bytes: png, path: null }])],
  prompt: [messages, [0, 1].map(i => [ask(i)])],
  chosen: [messages, [0, 1].map(i => [say(`Good ${i}.`)])],
  rejected: [messages, [0, 1].map(i => [say(`Bad ${i}.`)])],
}, { compression: 'GZIP', version: 'V2', rowGroup: 1000 });
write('messages.parquet', {
  messages: [messages, [0, 1, 2].map(i => [ask(i), say(`Reply ${i}.`)])],
  images: [list(new arrow.Binary()), [0, 1, 2].map(() => [png])],
}, { compression: 'UNCOMPRESSED', rowGroup: 1000, dictionary: false });
