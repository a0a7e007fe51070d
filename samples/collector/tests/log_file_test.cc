#include "samples/collector/transfer/log_file.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

using namespace whydrop::collector;

namespace {

// Every row as "line:name=text;...", a wrong line as "line!what", with spaces between them.
std::string Read(const std::string& content, FileFormat format) {
  char path[] = "/tmp/whydrop-log-file-test-XXXXXX";
  close(mkstemp(path));
  std::ofstream(path, std::ios::binary) << content;
  std::string all;
  try {
    LogFile file(path, format);
    LogRow row;
    for (;;) {
      try {
        if (!file.Next(&row)) break;
        all += std::to_string(file.line()) + ":";
        for (const auto& [name, text] : row) all += name + "=" + text + ";";
      } catch (const LineError& error) {
        all += std::to_string(file.line()) + "!" + error.what();
      }
      all += " ";
    }
  } catch (const FileError& error) {
    all += std::string("file: ") + error.what();
  }
  unlink(path);
  return all;
}

std::string Csv(const std::string& content) { return Read(content, FileFormat::kCsv); }
std::string Json(const std::string& content) { return Read(content, FileFormat::kJsonLines); }

bool Contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("CSV: quotes, commas, line ends of both systems, empty lines and fields") {
  CHECK(Csv("a,b\n1,2\n\n3,\"x,\"\"y\"\"\"\n") == "2:a=1;b=2; 4:a=3;b=x,\"y\"; ");
  CHECK(Csv("a,b\r\n1,\r\n,2\r\n") == "2:a=1; 3:b=2; ");
  CHECK(Csv("\xEF\xBB\xBF"
            "\"a\"\n1") == "2:a=1; ");
  CHECK(Json("\xEF\xBB\xBF{\"a\":1}") == "1:a=1; ");
  CHECK(Csv("a,b\n\"x\ny\",2\n3,4\n") == "2:a=x\ny;b=2; 4:a=3;b=4; ");
}

TEST_CASE("CSV: a wrong line is told with its number, and the next one is read") {
  CHECK(Csv("a,b\n1\n1,2\n") == "2!1 fields, but 2 columns 3:a=1;b=2; ");
  CHECK(Csv("a\n\"x\n") == "2!a quote is not closed ");
  CHECK(Csv("a\n\"x\n1\n2") == "2!a quote is not closed 3:a=1; 4:a=2; ");
  CHECK(Csv("a,b\n\"x,1\n3,4\n\"y,1\n5,6\n") ==
        "2!a quote in the middle of a field 3:a=3;b=4; 4!a quote is not closed 5:a=5;b=6; ");
  CHECK(Csv("a\nx\"y\n\"\"\n1\n") == "2!a quote in the middle of a field 3: 4:a=1; ");
  std::string many = "a\n\"x\n";
  for (int i = 0; i < 40000; ++i) many += "1\n";
  CHECK(Contains(Csv(many), "2!longer than 64 KiB, or a quote is not closed 3:a=1; 4:a=1; "));
  CHECK(Contains(Csv("a\n" + std::string(70000, 'x') + "\n1\n"), "2!longer than 64 KiB 3:a=1; "));
  CHECK(Contains(Csv(std::string("a\n") + std::string(1000, ',') + "\n"), "2!more than 256 columns"));
  CHECK(Contains(Csv(""), "is empty"));
  CHECK(Contains(Csv("a,a\n"), "line 1: a column stands there twice"));
}

TEST_CASE("JSON lines: texts, numbers, truth values and null") {
  CHECK(Json("{\"a\":\"x\",\"b\":1.5,\"c\":true,\"d\":null,\"e\":false}\n\n{}\n") == "1:a=x;b=1.5;c=1;e=0; 3: ");
  CHECK(Json("[1]\n{\"a\":1}") == "1!is no JSON object 2:a=1; ");
  CHECK(Json("{\"a\":\n{\"a\":x}") == "1!is no JSON object: wrong at byte 6 2!is no JSON object: wrong at byte 6 ");
  CHECK(Contains(Json("{\"a\":{}}"), "1!a: must be"));
  CHECK(Contains(Json(std::string(60000, '[') + "\n{}"), "1!is no JSON object: wrong at byte 60001 2: "));
}

TEST_CASE("a format that the name does not say must be given") {
  CHECK(Contains(Read("a\n1\n", FileFormat::kByName), "--format"));
}
