/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The source of random bits, which a fit has for itself only while it draws: it is
 * asked for before words are drawn and after each time that others may have had it, but
 * not once the fit is stopped; who refuses it stops the fit there. Prints how many
 * facts held; exits 0 only when all did.
 */
#include "nnfast.h"

#include "check.h"
#include "kernels.h" /* not of the API: for poll_work */
#include "take.h"
#include "threads.h" /* nor this: for the calls at work */

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FEW = 20, EPOCHS = 3, MANY = 600000 }; /* rows: many are shuffled in parts */

struct source {
    uint64_t state;
    bool is_held;
    bool is_kept;   /* others never have it back */
    size_t refusal; /* which time that it is asked for is refused; 0: none */
    size_t n_asked, n_words, n_stolen;
    size_t words_at_poll, n_parts; /* polls that find more words drawn than the last */
    size_t n_polls, end;           /* which poll stops the fit; 0: none */
    bool is_late;                  /* asked for after that */
    bool diverges;                 /* in the first step */
};

static uint32_t
next_uint32(void *state)
{
    struct source *source = state;

    source->n_words++;
    source->n_stolen += !source->is_held;
    source->state = source->state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(source->state >> 32);
}

static bool
is_stopped(const struct source *source)
{
    return source->end > 0 && source->n_polls >= source->end;
}

static int
hold(void *context)
{
    struct source *source = context;

    source->n_asked++;
    source->is_late = is_stopped(source);
    source->is_held = source->n_asked != source->refusal;
    return !source->is_held;
}

static void
lend(struct source *source)
{
    source->n_parts += source->n_words > source->words_at_poll;
    source->words_at_poll = source->n_words;
    source->is_held = source->is_held && source->is_kept;
}

static int
poll(void *context)
{
    struct source *source = context;

    lend(source);
    source->n_polls++;
    return is_stopped(source);
}

static int
on_epoch(void *context, const struct nnf_training *training, enum nnf_event event)
{
    (void)training;
    (void)event;
    lend(context);
    return is_stopped(context);
}

/* A fit of y = x on the source; *slope: the one weight that it ends with. */
static struct nnf_training
fit(struct source *source, bool asks, size_t n_rows, bool polls, float *slope)
{
    const struct nnf_net net = {
        .n_layers = 1,
        .widths = (const size_t[]){1, 1},
        .activations = (const enum nnf_activation[]){NNF_IDENTITY},
        .loss = NNF_SQUARED_ERROR,
    };
    const struct nnf_bits bits = {
        .next_uint32 = next_uint32,
        .state = source,
        .hold = asks ? hold : NULL,
        .context = source,
        .held = &source->is_held,
    };
    struct nnf_kernels kernels = *nnf_kernels_find(NULL, NNF_FLOAT32);
    float *numbers = take(n_rows * sizeof *numbers, 0);
    float parameters[2] = {0}, moments[2] = {0};
    const struct nnf_data data = {
        .n_rows = n_rows, .inputs = numbers, .targets = numbers};
    struct nnf_training training = {
        .solver = NNF_SGD,
        .learning_rate_init = source->diverges ? 1e300 : 0.1,
        .epsilon = 1e-8,
        .batch_size = n_rows / 4,
        .max_epochs = EPOCHS,
        .n_iter_no_change = INFINITY,
        .shuffle = &bits,
        .n_threads = 1,
        .poll = {polls ? poll : NULL, source},
        .on_epoch = on_epoch,
        .epoch_context = source,
    };
    void *work;

    const struct nnf_team team = {.n_threads = 8};

    for (size_t i = 0; i < n_rows; i++) {
        numbers[i] = (float)(i * i % 11) / 10;
    }
    kernels.poll_work = 0; /* polls come wherever they can */
    nnf_training_begin(&training);
    check(nnf_training_check(&net, &data, &training) == NULL, "the settings are sound");
    work = take(nnf_train_workspace(&net, &kernels, &training, &data), 0xff);
    nnf_train(&net, &kernels, &training, &data, parameters, moments, NULL, work);
    *slope = parameters[0];
    check(nnf_team_size(&team) == team.n_threads, "the call has ended, as it began");
    free(work);
    free(numbers);
    return training;
}

static bool
is_complete(struct nnf_training training)
{
    return training.stop == NNF_STOP_MAX_EPOCHS && training.n_epochs == EPOCHS;
}

/* With polls between all steps, or none. */
static void
check_few_rows(bool polls)
{
    struct source owned = {.is_held = true, .is_kept = true}, kept = {.is_kept = true};
    struct source shared = {.state = 0}, refused;
    struct nnf_training training;
    float alone, slope;

    check(is_complete(fit(&owned, false, FEW, polls, &alone)),
          "a source need not be asked for");
    check(is_complete(fit(&kept, true, FEW, polls, &slope)) && slope == alone,
          "one that is asked for gives the same");
    check(kept.n_asked == 1 && kept.n_stolen == 0, "once, as long as it is kept");
    check(is_complete(fit(&shared, true, FEW, polls, &slope)) && slope == alone,
          "so does one that others have between");
    check(shared.n_asked == EPOCHS && shared.n_stolen == 0,
          "it is asked for in every epoch");
    check(shared.n_words == owned.n_words, "as many words are drawn");
    for (size_t refusal = 1; refusal <= EPOCHS; refusal++) {
        refused = (struct source){.refusal = refusal};
        training = fit(&refused, true, FEW, polls, &slope);
        check(training.stop == NNF_STOP_ASKED && training.n_epochs == refusal - 1,
              "who refuses it stops the fit");
        check(refused.n_asked == refusal && refused.n_stolen == 0,
              "and is asked no more");
        check((slope == 0) == (refusal == 1), "what was learnt until then is left");
    }
}

/* A shuffle that takes long is interrupted, and goes on with the source held anew. */
static void
check_many_rows(void)
{
    struct source patient = {.is_kept = true}, shared = {.state = 0};
    float alone, slope;

    fit(&patient, true, MANY, false, &alone);
    fit(&shared, true, MANY, true, &slope);
    check(patient.n_parts == EPOCHS, "without a poll each shuffle is whole");
    check(shared.n_parts == 3 * EPOCHS, "polls come within a shuffle of many rows");
    check(shared.n_asked == 3 * EPOCHS && shared.n_stolen == 0,
          "it is held in every part");
    check(shared.n_words == patient.n_words && slope == alone,
          "the order is the same with polls as without");
}

/* Whichever poll stops the fit, also one after the last step of an epoch. */
static void
check_stops(void)
{
    size_t end = 0;

    for (bool whole = false; !whole;) {
        struct source stopped = {.end = ++end};
        float slope;
        const struct nnf_training training = fit(&stopped, true, FEW, true, &slope);

        whole = stopped.n_polls < end;
        check(whole == is_complete(training), "every poll but none can stop it");
        check(stopped.n_polls <= end, "then there are no more");
        check(!stopped.is_late, "nor is the source asked for");
    }
    check(end > 4 * EPOCHS, "there are several in an epoch");
}

/* A stop after the step that spoilt the weights does not hide it. */
static void
check_divergence(void)
{
    size_t n_told = 0;

    for (size_t end = 1; end <= 60; end++) {
        struct source stopped = {.end = end, .diverges = true};
        float slope;
        const struct nnf_training training = fit(&stopped, true, FEW, true, &slope);

        n_told += training.first_bad_epoch > 0;
        check(training.stop ==
                  (training.first_bad_epoch > 0 ? NNF_STOP_NOT_FINITE : NNF_STOP_ASKED),
              "weights that are not finite are told");
    }
    check(n_told > 1, "they are seen with and without a stop");
}

int
main(void)
{
    check_few_rows(false);
    check_few_rows(true);
    check_many_rows();
    check_stops();
    check_divergence();
    return verdict();
}
