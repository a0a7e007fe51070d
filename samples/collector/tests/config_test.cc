#include <doctest/doctest.h>

#include <map>
#include <set>

#include "samples/collector/config/load.h"
#include "samples/collector/store/store.h"
#include "tests/support/test_directory.h"

using namespace whydrop::collector;

namespace {

using Arguments = std::vector<std::string>;

Options Load(const Arguments& arguments, const Environment& environment = {}) {
  return LoadOptions(arguments, environment).options;
}

std::string ErrorOf(const Arguments& arguments, const Environment& environment = {}) {
  try {
    LoadOptions(arguments, environment);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

// A file that is gone with its owner.
class File {
 public:
  explicit File(const std::string& content) : path_(directory_.File("file")) { directory_.Write("file", content); }
  const std::string& path() const { return path_; }

 private:
  const TestDirectory directory_;
  const std::string path_;
};

// The command that a row of the table belongs to, as it begins a command line.
Arguments CommandOf(const OptionRow& row) {
  if ((row.commands & kServe) != 0) return {};
  return (row.commands & kExport) != 0 ? Arguments{"export"} : Arguments{"import", "log.csv"};
}

Arguments operator+(Arguments left, const Arguments& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

bool Contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("flags are taken in both spellings") {
  const Options options =
      Load({"--listen=[::1]:9", "--key", "game=a=b", "--key=two=k", "--trusted-proxy", "10.0.0.0/8"});
  CHECK(options.listen.host == "::1");
  CHECK(options.listen.port == 9);
  CHECK(options.keys.at("game").count("a=b") == 1);
  CHECK(options.keys.at("two").count("k") == 1);
  CHECK(options.trusted_proxies.size() == 1);
}

TEST_CASE("every default obeys its own rule") {
  for (const OptionRow& row : OptionTable()) {
    if (row.fallback == nullptr) continue;
    Options options;
    CHECK_MESSAGE(row.take(row.fallback, &options), row.name);
  }
  CHECK(Load({}).listen.port == 8787);
  CHECK(Load({}).store_url == "sqlite:whydrop.db");
}

TEST_CASE("a wrong flag is named") {
  for (const OptionRow& row : OptionTable()) {
    const std::string flag = std::string("--") + row.name;
    CHECK(Contains(ErrorOf(CommandOf(row) + Arguments{flag}), flag));
    CHECK(Contains(ErrorOf(CommandOf(row) + Arguments{flag, ""}), flag));
    // These can be called anything, or are judged by whoever uses them.
    const std::set<std::string> free = {"FILE", "URL", "VERSION", "COLUMN"};
    if (free.count(row.argument) == 0) CHECK(Contains(ErrorOf(CommandOf(row) + Arguments{flag, "!"}), flag + ": "));
  }
  CHECK(Contains(ErrorOf({"stray"}), "stray"));
  CHECK(Contains(ErrorOf({"export", "--listen", "127.0.0.1:1"}), "--listen is no option of this command"));
  CHECK(Contains(ErrorOf({"--app-id", "game"}), "--app-id is no option of this command"));
  CHECK(Contains(ErrorOf({"import"}), "import needs a FILE"));
  CHECK(Contains(ErrorOf({"import", "a", "b"}), "'b'"));
  CHECK(Contains(ErrorOf({"--nope", "x"}), "--nope"));
  CHECK(Contains(ErrorOf({"--tls-key", "k"}), "--tls-cert"));
  CHECK(LoadOptions({"--help"}, {}).mode == Mode::kHelp);
}

TEST_CASE("the three sources say every option with one meaning") {
  const std::map<std::string, std::string> examples = {{"ADDRESS:PORT", "127.0.0.1:7"},
                                                       {"NAME", "drops.example.com"},
                                                       {"URL", "sqlite:x"},
                                                       {"APP_ID=KEY", "game=k"},
                                                       {"APP_ID=N/s", "game=5/s"},
                                                       {"APP_ID", "game"},
                                                       {"FILE", "f"},
                                                       {"CIDR", "10.0.0.0/8"},
                                                       {"VERSION", "1.0"},
                                                       {"SYSTEM", "windows"},
                                                       {"COLUMN", "map"},
                                                       {"WHAT", "skip"},
                                                       {"NAME=VALUE", "endpoint=g"},
                                                       {"SECONDS", "7"},
                                                       {"DAYS", "7"},
                                                       {"N", "7"},
                                                       {"MIB", "7"},
                                                       {"LEVEL", "debug"},
                                                       {"FORMAT", "json"}};
  for (const OptionRow& row : OptionTable()) {
    CAPTURE(row.name);
    const std::string value = std::string(row.name) == "format" ? "csv" : examples.at(row.argument);
    std::string variable = kEnvironmentPrefix;
    for (const char c : std::string(row.name)) variable += c == '-' ? '_' : static_cast<char>(c & ~0x20);
    const File file(std::string(row.name) + " = \"" + value + "\"\n");
    std::vector<std::string> shown;
    for (const auto& [arguments, environment] : std::initializer_list<std::pair<Arguments, Environment>>{
             {{std::string("--") + row.name, value}, {}}, {{}, {{variable, value}}}, {{"--config", file.path()}, {}}}) {
      Arguments all = CommandOf(row) + arguments;
      const bool tls = std::string(row.name).compare(0, 3, "tls") == 0;
      if (tls) all.insert(all.end(), {std::string(row.name) == "tls-key" ? "--tls-cert" : "--tls-key", "g"});
      Loaded loaded = LoadOptions(all, environment);
      for (Setting& setting : loaded.settings.at(row.name)) setting.where = "";
      shown.push_back(EffectiveText(loaded));
    }
    CHECK(shown[0] == shown[1]);
    CHECK(shown[0] == shown[2]);
  }
}

TEST_CASE("flags go before the environment, and that before the file, and lists are not mixed") {
  const File file("rate-limit = 3\nthreads = 3\ndrain = 3\nkey = [\"a=file\", \"b=file\"]\n");
  const Options options = Load({"--config", file.path(), "--rate-limit", "1"}, {{"WHYDROP_COLLECTOR_RATE_LIMIT", "2"},
                                                                                {"WHYDROP_COLLECTOR_THREADS", "2"},
                                                                                {"WHYDROP_COLLECTOR_KEY", "a=x  c=y"}});
  CHECK(options.rate_limit == 1);
  CHECK(options.threads == 2);
  CHECK(options.drain_s == 3);
  CHECK(options.keys == KeysByApp{{"a", {"x"}}, {"c", {"y"}}});
  CHECK(Load({}, {{"WHYDROP_COLLECTOR_CONFIG", file.path()}}).rate_limit == 3);
}

TEST_CASE("an error names the source, its line and the key") {
  const File number("# comment\nrate-limit = \"many\"\n");
  CHECK(Contains(ErrorOf({"--config", number.path()}), number.path() + " line 2: rate-limit: 'many' is not"));
  const File unknown("threads = 2\nthreadz = 2\n");
  CHECK(Contains(ErrorOf({"--config", unknown.path()}), unknown.path() + " line 2: threadz is no option"));
  const File table("threads = 2\n[section]\n");
  CHECK(Contains(ErrorOf({"--config", table.path()}), table.path() + " line 2: section is no option"));
  const File kind("threads = 2\n\nrate-limit = 1.5\n");
  CHECK(Contains(ErrorOf({"--config", kind.path()}), kind.path() + " line 3: rate-limit"));
  const File twice("threads = [\n1, 2]\n");
  CHECK(Contains(ErrorOf({"--config", twice.path()}), "threads: takes one value"));
  const File element("key = [\n  \"a=b\",\n  \"nonsense\"]\n");
  CHECK(Contains(ErrorOf({"--config", element.path()}), element.path() + " line 3: key"));
  const File syntax("threads = 2\nrate-limit 3\n");
  CHECK(Contains(ErrorOf({"--config", syntax.path()}), syntax.path() + " line 2"));
  CHECK(ErrorOf({"--config", "/nonexistent.toml"}) == "cannot read '/nonexistent.toml'");
  const std::string directory = TestDirectory::Temporary();
  CHECK(ErrorOf({"--config", directory}) == "cannot read '" + directory + "'");
  CHECK(Contains(ErrorOf({}, {{"WHYDROP_COLLECTOR_THREADS", "x"}}), "WHYDROP_COLLECTOR_THREADS"));
  CHECK(Contains(ErrorOf({}, {{"WHYDROP_COLLECTOR_THREAD", "1"}}), "WHYDROP_COLLECTOR_THREAD is no option"));
}

TEST_CASE("a configuration file cannot name another") {
  const File file("config = \"x\"\n");
  CHECK(Contains(ErrorOf({"--config", file.path()}), "config is no option"));
}

TEST_CASE("secrets are read from files, one on each line, and are never shown") {
  const File keys("# old and new\ngame=old-secret\n\n  game=new-secret  \r\n");
  const Loaded loaded =
      LoadOptions({"--key-file", keys.path(), "--store", "clickhouse:http://u:hidden@h1:8123/db"}, {});
  CHECK(loaded.options.keys == KeysByApp{{"game", {"old-secret", "new-secret"}}});
  const std::string text = EffectiveText(loaded);
  CHECK(Contains(text, "game=(secret)"));
  CHECK(Contains(text, keys.path() + " line 2 (--key-file)"));
  CHECK(Contains(text, "clickhouse:http://h1:8123/db"));
  CHECK_FALSE(Contains(text, "-secret\""));
  CHECK_FALSE(Contains(text, "hidden"));
  const File config("server-key-file = \"" + keys.path() + "\"\n");
  CHECK(Load({"--config", config.path()}).server_keys.at("game").size() == 2);
  CHECK(Load({}, {{"WHYDROP_COLLECTOR_KEY_FILE", keys.path()}}).keys.at("game").size() == 2);

  const File bad("game=fine\nno secret here\n");
  const std::string error = ErrorOf({"--key-file", bad.path()});
  CHECK(Contains(error, bad.path() + " line 2 (--key-file): '(secret)' is not"));
  CHECK_FALSE(Contains(error, "no secret here"));
  CHECK(Contains(ErrorOf({"--key-file", "/nonexistent"}), "--key-file: cannot read '/nonexistent'"));
  CHECK(Contains(ErrorOf({"--listen-file", keys.path()}), "--listen-file"));
}

TEST_CASE("a value that stands where none belongs is not shown if it may be a secret") {
  for (const char* stray :
       {"game=secret", "clickhouse:http://u:secret@h1/d", "clickhouse:http://u:x=secret@h1/d", "game=x@secret"}) {
    const std::string error = ErrorOf({"--threads", "2", stray});
    CHECK(Contains(error, "unknown argument '"));
    CHECK_FALSE(Contains(error, "secret"));
  }
}

TEST_CASE("a file that is named by nothing is a mistake, not the absence of one") {
  CHECK(ErrorOf({"--config", ""}) == "--config: the value is empty");
  CHECK(ErrorOf({"--config="}) == "--config: the value is empty");
  CHECK(ErrorOf({}, {{"WHYDROP_COLLECTOR_CONFIG", ""}}) == "WHYDROP_COLLECTOR_CONFIG: the value is empty");
  CHECK(ErrorOf({"--key-file", ""}) == "--key-file: the value is empty");
}

TEST_CASE("of two lines for one value neither wins in silence") {
  const File two("sqlite:a.db\n# or\nsqlite:b.db\n");
  CHECK(ErrorOf({"--store-file", two.path()}) == two.path() + " line 3 (--store-file): takes one value, not several");
  const File one("# here\nsqlite:a.db\n");
  CHECK(Load({"--store-file", one.path()}).store_url == "sqlite:a.db");
}

TEST_CASE("an app may have several keys and several quotas") {
  const Options options =
      Load({"--key", "game=a", "--key", "game=b", "--quota", "game=10/s", "--quota", "game=5000/day"});
  CHECK(options.keys.at("game").size() == 2);
  REQUIRE(options.quotas.at("game").size() == 2);
  CHECK(options.quotas.at("game")[1].batches == 5000);
  CHECK(options.quotas.at("game")[1].period == QuotaPeriod::kDay);
  for (const char* wrong : {"game=0/s", "game=5", "game=5/h", "=5/s", "game=-1/s", "game=99999999999999/s"}) {
    CHECK(Contains(ErrorOf({"--quota", wrong}), "--quota"));
  }
}

TEST_CASE("an admin host is a name without a port, compared in lower case") {
  CHECK(Load({"--admin-host", "Drops.Example.com"}).admin_hosts.count("drops.example.com") == 1);
  CHECK(Contains(ErrorOf({"--admin-host", "drops.example.com:8788"}), "--admin-host"));
}

TEST_CASE("a password in a URL is cut out and nothing else is") {
  for (const char* password : {"p", "p@q", "p/q", "p?q", "p#q", "p%40", "p:q", "/?@"}) {
    CHECK(WithoutPassword(std::string("clickhouse:http://u:") + password + "@h/d?x=a") == "clickhouse:http://h/d?x=a");
  }
  CHECK(WithoutPassword("clickhouse:http://h:1,h:2/d") == "clickhouse:http://h:1,h:2/d");
  CHECK(WithoutPassword("sqlite:/a//c@b.db") == "sqlite:/a//c@b.db");
  CHECK(WithoutPassword("clickhouse:u:p@h/d") == "clickhouse:h/d");
  CHECK(WithoutPassword("u@h//d") == "h//d");
}
