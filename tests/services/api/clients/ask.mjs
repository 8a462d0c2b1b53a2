// Asks a server through an official client, and tells what it got.
// Input: {package: "immich3", url, key, version}. Output: {question: answer, …}; an answer that failed is {failed: status}.
import { readFileSync } from "node:fs";

const { package: name, url, key } = JSON.parse(readFileSync(0, "utf8"));

const immich = async () => {
  const sdk = await import(name);
  sdk.init({ baseUrl: `${url}/api`, apiKey: key });
  const person = async () => (await sdk.searchPerson({ name: "Mali" }))[0].id;
  const questions = {
    ping: () => sdk.pingServer(),
    version: () => sdk.getServerVersion(),
    storage: () => sdk.getStorage(),
    statistics: () => sdk.getServerStatistics(),
    smart: () => sdk.searchSmart({ smartSearchDto: { query: "birthday cake", page: 1, size: 5, withExif: true } }),
    metadata: async () =>
      sdk.searchAssets({
        metadataSearchDto: {
          personIds: [await person()],
          city: "Bangkok",
          country: "Thailand",
          takenAfter: "2000-01-01T00:00:00.000Z",
          takenBefore: "2100-01-01T23:59:59.999Z",
          type: sdk.AssetTypeEnum.Image,
          isFavorite: false,
          order: sdk.AssetOrder.Desc,
          page: 1,
          size: 5,
          withExif: true,
          withPeople: true,
        },
      }),
    random: () => sdk.searchRandom({ randomSearchDto: { size: 3, withExif: true, withPeople: true } }),
    person: () => sdk.searchPerson({ name: "Mali", withHidden: false }),
    people: () => sdk.getAllPeople({ page: 1, size: 2, withHidden: false }),
    memories: () => sdk.searchMemories({ $for: new Date().toISOString(), $type: sdk.MemoryType.OnThisDay }),
    albums: () => sdk.getAllAlbums({}),
    libraries: () => sdk.getAllLibraries(),
    queues: () => sdk.getQueues(),
    jobs: () => sdk.getQueuesLegacy(),
  };
  if (sdk.getIntegrityReportSummary) questions.integrity = () => sdk.getIntegrityReportSummary();
  return questions;
};

const jellyfin = async () => {
  const { Jellyfin } = await import(name);
  const { getSystemApi } = await import(`${name}/lib/utils/api/system-api.js`);
  const { getSessionApi } = await import(`${name}/lib/utils/api/session-api.js`);
  const { getLibraryApi } = await import(`${name}/lib/utils/api/library-api.js`);
  // Version 12's client has moved it to the library.
  const { getItemsApi } = await import(`${name}/lib/utils/api/items-api.js`).catch(() => ({ getItemsApi: getLibraryApi }));
  const api = new Jellyfin({
    clientInfo: { name: "Contract", version: "1" },
    deviceInfo: { name: "Test", id: "test" },
  }).createApi(url, key);
  const data = (asked) => asked.then((answer) => answer.data);
  const items = (asked) =>
    data(getItemsApi(api).getItems({ recursive: true, enableTotalRecordCount: true, fields: ["Overview", "DateCreated"], ...asked }));
  return {
    public: () => data(getSystemApi(api).getPublicSystemInfo()),
    info: () => data(getSystemApi(api).getSystemInfo()),
    storage: () => data(getSystemApi(api).getSystemStorage()),
    counts: () => data(getLibraryApi(api).getItemCounts()),
    sessions: () => data(getSessionApi(api).getSessions({ activeWithinSeconds: 120 })),
    found: () => items({ searchTerm: "seed", includeItemTypes: ["Movie", "Series", "Episode"], startIndex: 0, limit: 20, years: [2023] }),
    named: () => items({ includeItemTypes: ["Movie"], sortBy: ["SortName"], sortOrder: ["Ascending"], startIndex: 2, limit: 3 }),
    latest: () => items({ includeItemTypes: ["Movie", "Episode"], sortBy: ["DateCreated"], sortOrder: ["Descending"], startIndex: 0, limit: 4 }),
  };
};

const questions = await (name.startsWith("immich") ? immich() : jellyfin());
const answers = {};
for (const [question, ask] of Object.entries(questions)) {
  try {
    answers[question] = await ask();
  } catch (error) {
    answers[question] = { failed: error.status ?? error.response?.status ?? String(error) };
  }
}
process.stdout.write(JSON.stringify(answers));
