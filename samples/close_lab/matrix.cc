#include "close_lab/matrix.h"

#include <cstdio>
#include <map>

namespace close_lab {
namespace {

using Row = std::map<std::string, int>;
using Matrix = std::map<std::string, Row>;

bool HasCause(const Outcome& outcome) { return outcome.failure.empty() && *outcome.experiment.base->truth != '-'; }
std::string TruthOf(const Outcome& outcome) { return outcome.experiment.base->truth; }

// All that a log of calls and error numbers holds of an end: how a process ended is not in it.
std::string ErrorOf(const std::string& saw) {
  return saw.compare(0, 4, "exit") == 0 || saw.compare(0, 6, "signal") == 0 ? "no record" : saw;
}

enum Ends { kServerEnd = 1, kClientEnd = 2 };

std::string KeyOf(const Outcome& outcome, int ends) {
  std::string key;
  if ((ends & kClientEnd) != 0) key += ErrorOf(outcome.client_saw);
  if ((ends & kServerEnd) != 0) key += " / " + ErrorOf(outcome.server_saw);
  return key;
}

// The mapping from what was seen to a cause that is right most often on these very cases: nothing that knows only the
// numbers can do better.
std::map<std::string, std::string> BestMapping(const std::vector<Outcome>& outcomes, int ends) {
  std::map<std::string, Row> causes;
  for (const Outcome& outcome : outcomes) {
    if (HasCause(outcome)) ++causes[KeyOf(outcome, ends)][TruthOf(outcome)];
  }
  std::map<std::string, std::string> best;
  for (const auto& [key, row] : causes) {
    int most = 0;
    for (const auto& [cause, count] : row) {
      if (count > most) best[key] = cause;
      most = std::max(most, count);
    }
  }
  return best;
}

Matrix MatrixOfErrors(const std::vector<Outcome>& outcomes, int ends) {
  const auto best = BestMapping(outcomes, ends);
  Matrix matrix;
  for (const Outcome& outcome : outcomes) {
    if (HasCause(outcome)) ++matrix[TruthOf(outcome)][best.at(KeyOf(outcome, ends))];
  }
  return matrix;
}

Matrix MatrixOfVerdicts(const std::vector<Outcome>& outcomes) {
  Matrix matrix;
  for (const Outcome& outcome : outcomes) {
    if (HasCause(outcome)) ++matrix[TruthOf(outcome)][outcome.joined.cause.empty() ? "none" : outcome.joined.cause];
  }
  return matrix;
}

int RightIn(const Matrix& matrix) {
  int right = 0;
  for (const auto& [truth, row] : matrix) {
    const auto found = row.find(truth);
    if (found != row.end()) right += found->second;
  }
  return right;
}

std::string Cells(const std::string& truth, const Row& row) {
  std::string text;
  const auto right = row.find(truth);
  text = std::to_string(right == row.end() ? 0 : right->second) + " right";
  for (const auto& [cause, count] : row) {
    if (cause != truth) text += ", " + std::to_string(count) + " " + cause;
  }
  return text;
}

void PrintMatrices(const std::vector<Outcome>& outcomes) {
  const Matrix verdicts = MatrixOfVerdicts(outcomes);
  const Matrix errors = MatrixOfErrors(outcomes, kServerEnd | kClientEnd);
  std::printf("\n%-22s %5s   %-52s %s\n", "what it really was", "cases", "judged by both records",
              "by the best reading of both ends' error numbers");
  for (const auto& [truth, row] : verdicts) {
    int total = 0;
    for (const auto& [cause, count] : row) total += count;
    std::printf("%-22s %5d   %-52s %s\n", truth.c_str(), total, Cells(truth, row).c_str(),
                Cells(truth, errors.at(truth)).c_str());
  }
}

std::string Percent(int part, int whole) {
  char text[48];
  std::snprintf(text, sizeof text, "%d of %d (%.1f %%)", part, whole, whole == 0 ? 0.0 : 100.0 * part / whole);
  return text;
}

bool IsHigh(const Verdict& verdict) { return verdict.confidence == "high"; }

std::string Quoted(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return quoted + "\"";
}

std::string VerdictJson(const Verdict& verdict, Grade grade) {
  return "{\"cause\":" + Quoted(verdict.cause) + ",\"confidence\":" + Quoted(verdict.confidence) +
         ",\"rule\":" + Quoted(verdict.rule) + ",\"reason\":" + Quoted(verdict.reason) +
         ",\"grade\":" + Quoted(GradeName(grade)) + "}";
}

std::string Says(const Verdict& verdict) {
  if (verdict.cause.empty()) return "nothing";
  return verdict.cause + (verdict.cause == "unknown" ? "" : " (" + verdict.confidence + ", " + verdict.rule + ")");
}

}  // namespace

Figures Count(const std::vector<Outcome>& outcomes) {
  Figures figures;
  for (const Outcome& outcome : outcomes) {
    ++figures.cases;
    if (!outcome.failure.empty()) {
      ++figures.failed;
      continue;
    }
    figures.wrong_with_high += (outcome.alone_grade == Grade::kWrong && IsHigh(outcome.alone)) ||
                               (outcome.joined_grade == Grade::kWrong && IsHigh(outcome.joined));
    if (!HasCause(outcome)) {
      // A verdict on a connection that lives on, or that nobody missed, is a wrong one.
      figures.alone_wrong += outcome.alone_grade == Grade::kWrong;
      figures.joined_wrong += outcome.joined_grade == Grade::kWrong;
      figures.undetected += outcome.joined_grade == Grade::kUndetected;
      continue;
    }
    ++figures.with_cause;
    figures.alone_right += outcome.alone_grade == Grade::kRight;
    figures.alone_wider += outcome.alone_grade == Grade::kWider;
    figures.alone_unknown += outcome.alone_grade == Grade::kUnknown;
    figures.alone_undetected += outcome.alone_grade == Grade::kUndetected;
    figures.alone_wrong += outcome.alone_grade == Grade::kWrong;
    figures.joined_right += outcome.joined_grade == Grade::kRight;
    figures.joined_nearest += outcome.joined_grade == Grade::kWider;
    figures.joined_wrong += outcome.joined_grade != Grade::kRight && outcome.joined_grade != Grade::kWider;
  }
  return figures;
}

void PrintOutcome(const Outcome& outcome) {
  const Case& base = *outcome.experiment.base;
  std::printf("%s%s%s  %s\n", outcome.experiment.id.c_str(), *base.study != '\0' ? "  study " : "", base.study,
              base.title);
  if (!outcome.failure.empty()) {
    std::printf("    NOT CARRIED OUT: %s\n", outcome.failure.c_str());
  } else {
    std::printf("    client saw %s, server saw %s\n", outcome.client_saw.c_str(), outcome.server_saw.c_str());
    std::printf("    client alone: %s: %s\n", Says(outcome.alone).c_str(), GradeName(outcome.alone_grade));
    std::printf("    both records: %s: %s\n", Says(outcome.joined).c_str(), GradeName(outcome.joined_grade));
    std::printf("    truth: %s\n", *base.truth == '-' ? "nothing ended, or nobody noticed" : base.truth);
    if (outcome.joined_grade == Grade::kWider) std::printf("    cannot be known better: %s\n", base.why);
  }
  std::fflush(stdout);
}

void PrintSummary(const std::vector<Outcome>& outcomes, const std::vector<Skipped>& skipped) {
  const Figures f = Count(outcomes);
  PrintMatrices(outcomes);
  std::printf("\nnot right:\n");
  for (const Outcome& outcome : outcomes) {
    if (!outcome.failure.empty()) {
      std::printf("  %-40s not carried out: %s\n", outcome.experiment.id.c_str(), outcome.failure.c_str());
      continue;
    }
    if (outcome.alone_grade == Grade::kWrong || outcome.alone_grade == Grade::kUnknown) {
      std::printf("  %-40s %s, the client alone: %s %s\n", outcome.experiment.id.c_str(), TruthOf(outcome).c_str(),
                  GradeName(outcome.alone_grade), Says(outcome.alone).c_str());
    }
    if (outcome.joined_grade != Grade::kRight && HasCause(outcome)) {
      std::printf("  %-40s %s, both records: %s %s\n", outcome.experiment.id.c_str(), TruthOf(outcome).c_str(),
                  GradeName(outcome.joined_grade), Says(outcome.joined).c_str());
    }
  }
  for (const Skipped& skip : skipped) std::printf("  %-40s skipped: %s\n", skip.id.c_str(), skip.why.c_str());
  const int errors_server = RightIn(MatrixOfErrors(outcomes, kServerEnd));
  const int errors_client = RightIn(MatrixOfErrors(outcomes, kClientEnd));
  const int errors_both = RightIn(MatrixOfErrors(outcomes, kServerEnd | kClientEnd));
  std::printf("\n%d cases run, %zu skipped, %d failed; %d with a cause, %d where nothing ended or nobody noticed\n",
              f.cases, skipped.size(), f.failed, f.with_cause, f.undetected);
  std::printf("both records:   right %s, as near as can be %d, wrong %d\n",
              Percent(f.joined_right, f.with_cause).c_str(), f.joined_nearest, f.joined_wrong);
  std::printf("client alone:   right %s, honestly wider %d, unknown %d, noticed nothing %d, wrong %d\n",
              Percent(f.alone_right, f.with_cause).c_str(), f.alone_wider, f.alone_unknown, f.alone_undetected,
              f.alone_wrong);
  std::printf("error numbers:  server's %s, client's %s, both %s\n", Percent(errors_server, f.with_cause).c_str(),
              Percent(errors_client, f.with_cause).c_str(), Percent(errors_both, f.with_cause).c_str());
  std::printf("wrong with high confidence: %d\n", f.wrong_with_high);
}

void PrintJson(const std::vector<Outcome>& outcomes, const std::vector<Skipped>& skipped) {
  std::printf("{\"cases\":[");
  const char* separator = "";
  for (const Outcome& outcome : outcomes) {
    const Case& base = *outcome.experiment.base;
    std::printf(
        "%s\n{\"id\":%s,\"study\":%s,\"title\":%s,\"truth\":%s,\"client_saw\":%s,\"server_saw\":%s,\"told\":%s,"
        "\"failure\":%s,\"client\":%s,\"joined\":%s}",
        separator, Quoted(outcome.experiment.id).c_str(), Quoted(base.study).c_str(), Quoted(base.title).c_str(),
        Quoted(base.truth).c_str(), Quoted(outcome.client_saw).c_str(), Quoted(outcome.server_saw).c_str(),
        Quoted(outcome.told).c_str(), Quoted(outcome.failure).c_str(),
        VerdictJson(outcome.alone, outcome.alone_grade).c_str(),
        VerdictJson(outcome.joined, outcome.joined_grade).c_str());
    separator = ",";
  }
  std::printf("],\n\"skipped\":[");
  separator = "";
  for (const Skipped& skip : skipped) {
    std::printf("%s{\"id\":%s,\"why\":%s}", separator, Quoted(skip.id).c_str(), Quoted(skip.why).c_str());
    separator = ",";
  }
  const Figures f = Count(outcomes);
  std::printf(
      "],\n\"with_cause\":%d,\"joined_right\":%d,\"joined_nearest\":%d,\"joined_wrong\":%d,\"client_right\":%d,"
      "\"client_wider\":%d,\"client_unknown\":%d,\"client_undetected\":%d,\"client_wrong\":%d,"
      "\"wrong_with_high\":%d,\"failed\":%d}\n",
      f.with_cause, f.joined_right, f.joined_nearest, f.joined_wrong, f.alone_right, f.alone_wider, f.alone_unknown,
      f.alone_undetected, f.alone_wrong, f.wrong_with_high, f.failed);
}

bool MeetsBars(const Figures& f) {
  return f.failed == 0 && f.wrong_with_high == 0 && f.alone_wrong == 0 && f.joined_right * 100 >= 99 * f.with_cause &&
         f.alone_right * 100 >= 60 * f.with_cause && f.alone_unknown * 100 <= 5 * f.with_cause;
}

}  // namespace close_lab
